#!/usr/bin/env node
/**
 * A worker: egress proxies, told by stdin and telling on stdout (link.ts), without any privilege. Not a command for
 * people. On the host it is a child process (worker-process.ts); in a gateway's container it is all there is.
 *
 *   node worker-main.js              the worker
 *   node worker-main.js addresses    prints the addresses of the host, for a container with the host's network
 */
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { machineAddresses } from '../decide/machine-addresses.js';
import { lineSplitter } from '../util/line-splitter.js';
import { BEAT_MS, SILENCE_MS } from './link.js';
import { Outbox } from './outbox.js';
import { becomeNobody } from './privileges.js';
import { Worker } from './worker.js';

if (process.argv[2] === 'addresses') {
  process.stdout.write(`${JSON.stringify(machineAddresses())}\n`);
} else {
  main();
}

function main(): void {
  // Not process.stdout, which is synchronous on a pipe: a control plane that doesn't read would stall the proxies.
  const outbox = new Outbox(new Socket({ fd: 1, readable: false }));
  const fail = async (message: string) => {
    await Promise.race([outbox.insist({ is: 'broken', message }), sleep(1_000)]);
    process.exit(1);
  };
  process.on('uncaughtException', (error) => void fail(`unexpected: ${error.stack ?? error}`));
  try {
    // All code is loaded by now, from folders that may be root's alone.
    becomeNobody();
  } catch (error) {
    void fail((error as Error).message);
    return;
  }

  const worker = new Worker(outbox);
  const end = async () => {
    // A control plane that doesn't read must not keep it.
    await Promise.race([worker.end(), sleep(1_000)]);
    process.exit(0);
  };
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());

  let silence = setTimeout(() => {}, 0);
  const input = lineSplitter((line) => {
    clearTimeout(silence);
    silence = setTimeout(() => void end(), SILENCE_MS);
    worker.take(line);
  });
  input.on('error', (error) => void fail(`not understood: ${error.message}`));
  process.stdin.pipe(input);
  // Nobody is there to be told anything: whoever opens the gateways next finds their addresses free.
  process.stdin.on('end', () => process.exit(0));
  process.stdin.on('close', () => process.exit(0));
  const beat = () => outbox.send({ is: 'beat' });
  setInterval(beat, BEAT_MS);
  beat();
}
