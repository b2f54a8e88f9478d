import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { projectRoot } from '../support/engine.js';
import { notShown, readThreatModel, standsFor } from '../support/threat-model.js';

const lines = readThreatModel();
const named = lines.flatMap(({ tests }) => tests);
const source = (file: string) => readFileSync(`${projectRoot}${file}`, 'utf8');

describe('the threat model', () => {
  it('has lines, each of which names its tests, by file and title', () => {
    expect(lines.length).toBeGreaterThan(50);
    for (const { text, tests } of lines) {
      expect(tests, text).not.toEqual([]);
      expect(text.match(/\]\(\.\.\/test\//g), text).toHaveLength(tests.length);
    }
  });

  it.each(named.map(({ file, title }) => [file, title]))('%s has the test: %s', (file, title) => {
    // The first argument of a call, which is what a test or a group begins with.
    const call = /\(\s*(['"`])((?:\\.|(?!\1).)*)\1,/gs;
    const titles = [...source(file).matchAll(call)].map(([, , text]) => text);
    expect(titles).toContain(title);
  });

  /** Not true in CI, which is root on Linux; or of one placement, where the other one's project has the test as well. */
  const NOT_IN_CI = [
    /skipIf\((?:process\.platform !== 'linux' \|\| )?process\.gete?uid\?\.\(\) !== 0\)/,
    /skipIf\(placement === '(?:host|container)'\)/,
    /= placement === 'host' \? it : it\.skip;/,
  ];

  it.each([...new Set(named.map(({ file }) => file))])('nothing of %s is skipped in CI', (file) => {
    const skips = source(file)
      .split('\n')
      // Of a test or a group, and no class name of a page.
      .filter((line) =>
        /\b(?:it|test|describe|context)\w*\.(?:skip|todo|only|fails|skipIf|runIf)\b/.test(line),
      )
      .filter((line) => !NOT_IN_CI.some((known) => known.test(line)));
    expect(skips).toEqual([]);
  });
});

describe('a run shows the threat model', () => {
  const one = named[0] as (typeof named)[0];
  const report = (...runs: [status: string, placement: string][]) => ({
    testResults: named.map(({ file, title }) => ({
      name: `/anywhere/${file}`,
      assertionResults:
        file === one.file && title === one.title
          ? runs.map(([status]) => ({ status, title, ancestorTitles: ['a group'] }))
          : [{ status: 'passed', title: 'a test', ancestorTitles: [title] }],
    })),
  });

  it('where each of its tests passed, in a placement at least', () => {
    expect(notShown(report(['passed', 'host']))).toEqual([]);
    expect(notShown(report(['passed', 'host'], ['skipped', 'container']))).toEqual([]);
  });

  it.each([
    ['skipped', [['skipped', 'host']]],
    ['missing', []],
    ['failed', [['failed', 'host']]],
  ] as [string, [string, string][]][])('and not where one is %s', (_, runs) => {
    expect(notShown(report(...runs))).toEqual([one]);
  });

  it.each<[string, string, boolean]>([
    ['%s is broken by %s', 'a mount is broken by a link', true],
    ['of %j: $streams', 'of "x": two', true],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as the source of a test has it
    ['a ${what} that %s', 'a worker that dies', true],
    ['is broken', 'is broken by a link', false],
    ['is broken', 'it is broken', false],
    ['%s is broken', 'a link is broken by a mount', false],
  ])('%s: %s: %s', (title, name, is) => {
    expect(standsFor(title, name)).toBe(is);
  });
});
