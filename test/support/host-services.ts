import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Cleanup } from './cleanup.js';
import { docker, JOB_IMAGE } from './e2e.js';
import { listen, startPlain } from './isolated-job.js';

/** What a host offers to whoever reaches it, on all its addresses; ports. */
export interface HostServices {
  readonly tcp: number;
  /** On `::`. */
  readonly tcp6: number;
  readonly udp: number;
  /** Of a container, by the engine. */
  readonly published: number;
}

/** A program for a container's Node that greets on port 8080. */
export const GREETER = "require('net').createServer((s) => s.end('hello')).listen(8080)";

export async function startHostServices(cleanup: Cleanup): Promise<HostServices> {
  const tcp = await listen(cleanup, '0.0.0.0');
  const tcp6 = await listen(cleanup, '::');
  const datagrams = createSocket('udp4');
  datagrams.on('message', (_, from) => datagrams.send('hello', from.port, from.address));
  datagrams.bind(0);
  await once(datagrams, 'listening');
  cleanup.add(() => datagrams.close());
  const publisher = await startPlain(cleanup, '-p', '8080', JOB_IMAGE, 'node', '-e', GREETER);
  const published = Number((await docker('port', publisher, '8080')).split('\n')[0]?.split(':').at(-1));
  return { tcp, tcp6, udp: (datagrams.address() as AddressInfo).port, published };
}
