import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as library from '../../src/index.js';
import { JobgateError } from '../../src/index.js';

const root = join(import.meta.dirname, '../..');

/** Errors that are no part of the library, and what becomes of them. */
const INTERNAL: Readonly<Record<string, string>> = {
  ApiError: 'an answer of the API',
  ApiProblem: 'a message on the page, which has it from an answer of the API',
  BrokenAnswer: 'a denial',
  CallError: 'a line of what verify tries from inside of a job',
  DialError: 'a denial',
  GateRefusal: 'an answer of the gate',
  JsonError: 'a problem of a job file or a request',
  RaceError: 'a DialError',
  Refusal: 'a denial',
  ResolveError: 'a denial',
  YamlProblem: 'a problem of a job file',
};

/** Every class in the sources that is an error, by the name of what it extends. */
function errorClasses(): string[] {
  const parents = new Map<string, string>();
  const files = ['admission', 'docker', 'proxy', 'src'].flatMap((room) =>
    readdirSync(join(root, room), { encoding: 'utf8', recursive: true }).map((file) =>
      join(root, room, file),
    ),
  );
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(file, 'utf8');
    for (const [, name = '', parent = ''] of text.matchAll(/\bclass (\w+) extends (\w+)/g)) {
      parents.set(name, parent);
    }
  }
  const isError = (name: string): boolean => {
    const parent = parents.get(name);
    return parent !== undefined && (/^(Type|Range|Aggregate)?Error$/.test(parent) || isError(parent));
  };
  return [...parents.keys()].filter(isError).sort();
}

type AnyError = new (problems: readonly string[]) => Error & { readonly code?: unknown };

const exported = Object.entries(library)
  .filter(([, value]) => typeof value === 'function' && value.prototype instanceof Error)
  .map(([name, value]) => ({ name, Class: value as unknown as AnyError }))
  .sort((one, other) => (one.name < other.name ? -1 : 1));
const thrown = exported.filter(({ name }) => name !== 'JobgateError');

describe('errors of the library', () => {
  it('are all there are, but for those that never leave it', () => {
    const names = errorClasses();
    expect(names).toContain('EngineError');
    expect([...exported.map(({ name }) => name), ...Object.keys(INTERNAL)].sort()).toEqual(names);
  });

  it.each(thrown)('$name has the one base class, its own name and a code', ({ name, Class }) => {
    const error = new Class(['what is wrong']);
    expect(error).toBeInstanceOf(JobgateError);
    expect(error.name).toBe(name);
    expect(error.message === '' || error.message === 'what is wrong').toBe(true);
    expect(error.code).toMatch(/^JOBGATE_[A-Z]+(_[A-Z]+)*$/);
  });

  it('have a code each, which the reference lists', () => {
    const codes = thrown.map(({ name, Class }) => ({ name, code: String(new Class([]).code) }));
    expect(new Set(codes.map(({ code }) => code)).size).toBe(thrown.length);
    const reference = readFileSync(join(root, 'docs/reference.md'), 'utf8');
    const listed = [...reference.matchAll(/^\| `(\w+)` \| `(JOBGATE_\w+)` \| \w/gm)];
    expect(new Map(listed.map(([, name, code]) => [name, code]))).toEqual(
      new Map(codes.map(({ name, code }) => [name, code])),
    );
  });

  it('narrow by class: what is wrong with an entry is wrong with the policy', () => {
    const parse = () => library.Allowlist.parse(['*.example.com']);
    expect(parse).toThrow(library.AllowlistError);
    expect(parse).toThrow(library.PolicyError);
    expect(parse).toThrow(expect.objectContaining({ code: 'JOBGATE_ALLOWLIST' }));
  });
});
