import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { terminalJson, visibleInJson } from '../../src/terminal.js';
import { visible } from '../../src/visible.js';
import { cliHere } from '../support/cli-here.js';
import { projectRoot } from '../support/engine.js';
import { growth } from '../support/growth.js';

const OBEYED = '\x1b[2J\x1b]0;t\x07\b\r\x7f\x9b31m\u202e\u2066\u2028\u200f';
const SHOWN = '\\x1b[2J\\x1b]0;t\\x07\\x08\\x0d\\x7f\\x9b31m\\u202e\\u2066\\u2028\\u200f';

describe('text for a terminal', () => {
  it('shows what the terminal would obey, and nothing else changes', () => {
    expect(visible(`a${OBEYED}z`)).toBe(`a${SHOWN}z`);
    const plain = 'plain\ttext\n ä → 名 \\x1b 👩';
    expect(visible(plain)).toBe(plain);
  });

  it('as JSON is the same value, and shows it where its texts are printed', () => {
    const value = { [OBEYED]: [`a${OBEYED}\\u001b\\\n"`] };
    expect(JSON.parse(terminalJson(value))).toEqual(value);
    expect(visible(terminalJson(value))).toBe(terminalJson(value));
    const printed = JSON.parse(visibleInJson(`${JSON.stringify(value)}\n`));
    expect(printed).toEqual({ [SHOWN]: [`a${SHOWN}\\u001b\\\n"`] });
  });

  it.each(['\x1b', '\\', '\\u00', '\u202e'])('takes time that grows with its length: %j', async (piece) => {
    const shows = (size: number) => {
      const text = piece.repeat(size / piece.length);
      return () => [visible(text), visibleInJson(JSON.stringify(text)), terminalJson(text)];
    };
    expect(await growth(shows, 40_000, 80_000)).toBeLessThan(3.5);
  });

  it('is written in one place', () => {
    const files = readdirSync(`${projectRoot}src/commands`).map((name) => `src/commands/${name}`);
    for (const file of [...files, 'src/cli.ts']) {
      expect(readFileSync(projectRoot + file, 'utf8'), file).not.toMatch(/stderr\.write\(/);
    }
  });
});

describe('the command line', () => {
  const job = (image: string, name: string) =>
    JSON.stringify({
      Name: name,
      Tasks: [{ Name: 'main', Engine: { Type: 'docker', Params: { Image: image } }, [name]: {} }],
      Labels: { [name]: 'x' },
    });
  const obeyed = /(?!\n)[\p{Cc}\u2028-\u202e\u2066-\u2069]/u;

  it("never passes a job's escapes on to the terminal", async () => {
    const stdin = job(`a${OBEYED}`, `n${OBEYED}`);
    let said = '';
    for (const args of [
      ['run', '--job', '-'],
      ['check', '--job', '-'],
      ['run', `a${OBEYED}`],
      ['run', '--network', OBEYED, 'a'],
      ['run', `--x${OBEYED}`],
    ]) {
      const { code, stdout, stderr } = await cliHere(args, { stdin });
      expect([64, 77]).toContain(code);
      expect(stdout + stderr).not.toMatch(obeyed);
      said += stderr;
    }
    expect(said).toContain(SHOWN);
  });
});
