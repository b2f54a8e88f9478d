import { readFileSync } from 'node:fs';
import { projectRoot } from './engine.js';

/** A test, or a group of them, that a line of the threat model names. */
export interface NamedTest {
  /** From the project's root. */
  readonly file: string;
  /** As it is written in the file: `%s` stands for each case. */
  readonly title: string;
}

/** Lines of "What holds" in docs/threats.md. */
export interface ThreatLine {
  readonly text: string;
  readonly tests: readonly NamedTest[];
}

export function readThreatModel(): ThreatLine[] {
  const page = readFileSync(`${projectRoot}docs/threats.md`, 'utf8');
  const [, holds = ''] = /^## What holds\n(.*?)^## /ms.exec(page) ?? [];
  return holds
    .split(/^(?=- |### )/m)
    .filter((part) => part.startsWith('- '))
    .map((text) => ({
      text,
      tests: [...text.matchAll(/\]\(\.\.\/(test\/[^)\s]*\.test\.ts) "([^"]*)"\)/g)].map(
        ([, file = '', title = '']) => ({ file, title }),
      ),
    }));
}

/** Whether a name that a test ran by is one of those that a title stands for. */
export function standsFor(title: string, name: string): boolean {
  // The title's own letters, and in between what each case has there.
  const parts = title.split(/%[sdijfoO#]|\$\{[^}]*\}|\$\w+/);
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const found = index === 0 ? (name.startsWith(part) ? 0 : -1) : name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at === name.length || parts.at(-1) === '' || name.endsWith(parts.at(-1) as string);
}

/** As vitest's JSON reporter writes it. */
export interface TestReport {
  readonly testResults: readonly {
    /** The file. */
    readonly name: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly title: string;
      readonly ancestorTitles: readonly string[];
    }[];
  }[];
}

/** The named tests of which a run passed none, or left some out altogether: in one placement they may be, not in both. */
export function notShown({ testResults }: TestReport): NamedTest[] {
  const named = readThreatModel().flatMap(({ tests }) => tests);
  return named.filter(({ file, title }) => {
    const results = testResults
      .filter(({ name }) => name.endsWith(`/${file}`))
      .flatMap(({ assertionResults }) => assertionResults)
      .filter((one) => [one.title, ...one.ancestorTitles].some((name) => standsFor(title, name)));
    const passed = new Set(results.filter(({ status }) => status === 'passed').map(nameOf));
    return passed.size === 0 || results.some((one) => !passed.has(nameOf(one)));
  });
}

const nameOf = ({ title, ancestorTitles }: { title: string; ancestorTitles: readonly string[] }) =>
  [...ancestorTitles, title].join(' > ');
