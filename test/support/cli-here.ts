import type { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import type { CliResult } from './cli.js';
import { projectRoot } from './engine.js';

let runs = 0;

/**
 * Runs the built command line within this process: what it prints and its exit code, without the second that a process
 * takes to start. For what ends before it opens anything: one at a time.
 */
export async function cliHere(
  args: readonly string[],
  { env = {}, stdin = '' }: { env?: Readonly<Record<string, string>>; stdin?: string } = {},
): Promise<CliResult> {
  const streams = [process.stdout, process.stderr];
  const listened: [EventEmitter, string][] = [
    [process.stdout, 'error'],
    [process.stderr, 'error'],
    [process, 'exit'],
  ];
  const printed = ['', ''];
  const before = {
    argv: process.argv,
    stdin: Object.getOwnPropertyDescriptor(process, 'stdin') as PropertyDescriptor,
    env: { ...process.env },
    exitCode: process.exitCode,
    writes: streams.map((stream) => stream.write),
    listeners: listened.map(([emitter, event]) => emitter.listeners(event)),
  };
  process.argv = [process.execPath, 'jobgate', ...args];
  const input = Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]);
  Object.defineProperty(process, 'stdin', { ...before.stdin, get: () => input });
  Object.assign(process.env, env);
  process.exitCode = undefined;
  for (const [i, stream] of streams.entries()) {
    stream.write = (chunk: string | Uint8Array) => {
      printed[i] += Buffer.from(chunk as Uint8Array).toString();
      return true;
    };
  }
  try {
    // A module runs once for each name that it has.
    const module = `${projectRoot}dist/src/cli.js?run=${++runs}`;
    await import(/* @vite-ignore */ module);
    await new Promise((resolve) => setImmediate(resolve)); // its log is written at the end of a turn
    const [stdout = '', stderr = ''] = printed;
    return { code: Number(process.exitCode ?? 0), signal: null, stdout, stderr };
  } finally {
    process.argv = before.argv;
    Object.defineProperty(process, 'stdin', before.stdin);
    for (const name of Object.keys(env)) {
      if (name in before.env) process.env[name] = before.env[name];
      else delete process.env[name];
    }
    process.exitCode = before.exitCode;
    for (const [i, stream] of streams.entries()) stream.write = before.writes[i] as typeof stream.write;
    for (const [i, [emitter, event]] of listened.entries()) {
      for (const listener of emitter.listeners(event)) {
        if (!before.listeners[i]?.includes(listener)) emitter.off(event, listener as () => void);
      }
    }
  }
}
