import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { closedPort } from '../../support/silent-listener.js';
import type { Contender } from '../contender.js';

export interface Program {
  readonly name: string;
  /** The file of its configuration, for a port and a folder that it may write to. */
  readonly configuration: (port: number, directory: string) => string;
  /** Its arguments, to run in the foreground. */
  readonly args: (file: string) => readonly string[];
}

/** Starts a program that is installed on this machine as a proxy on 127.0.0.1. */
export async function startProgram(program: Program, core: number | undefined): Promise<Contender | string> {
  const { name } = program;
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const binary = directories.map((directory) => join(directory, name)).find((file) => existsSync(file));
  if (binary === undefined) return `${name} is not installed`;
  const directory = await mkdtemp(join(tmpdir(), `jobgate-${name}-`));
  // Started as root, it may go on as somebody else.
  await chmod(directory, 0o777);
  const port = await closedPort();
  const file = join(directory, 'configuration');
  await writeFile(file, program.configuration(port, directory));
  const command = [binary, ...program.args(file)];
  const [first = '', ...rest] = core === undefined ? command : ['taskset', '-c', String(core), ...command];
  const child = spawn(first, rest, { stdio: 'ignore' });
  const end = async () => {
    await ended(child);
    await rm(directory, { recursive: true, force: true });
  };
  for (let i = 0; i < 100 && child.exitCode === null; i++) {
    if (await accepts(port)) {
      return {
        name,
        via: { host: '127.0.0.1', proxy: port },
        pid: child.pid as number,
        [Symbol.asyncDispose]: end,
      };
    }
    await sleep(100);
  }
  await end();
  return `${name} does not start`;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exit;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
