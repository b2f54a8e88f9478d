import { docker } from './e2e.js';

/** What a container tries to reach. */
export interface Target {
  readonly protocol: 'tcp' | 'udp';
  readonly host: string;
  readonly port: number;
}

export interface Probed extends Target {
  /** `open`: connected, or a datagram was answered; `timeout`: nothing; else the code of the error. */
  readonly result: string;
  readonly ms: number;
}

/** Addresses may carry a zone, as `fe80::1%eth0`. */
export const tcp = (host: string, port: number): Target => ({ protocol: 'tcp', host, port });
export const udp = (host: string, port: number): Target => ({ protocol: 'udp', host, port });

/**
 * Tries to reach targets from inside a running container, all at once, without any proxy.
 *
 * @param timeoutMs how long each may take.
 */
export async function probe(
  container: string,
  targets: readonly Target[],
  timeoutMs = 1_500,
): Promise<Probed[]> {
  const job = JSON.stringify({ targets, timeoutMs });
  const script = `(${inContainer})(${job})`;
  return JSON.parse(await docker('exec', container, 'node', '-e', script));
}

// Runs in the container: plain JavaScript, CommonJS.
const inContainer = `async ({ targets, timeoutMs }) => {
  const net = require('net'), dgram = require('dgram');
  const tcp = ({ host, port }) => new Promise((resolve) => {
    const socket = net.connect({ host, port });
    socket.once('connect', () => { resolve('open'); socket.destroy(); });
    socket.once('error', (error) => resolve(error.code));
    setTimeout(() => { resolve('timeout'); socket.destroy(); }, timeoutMs);
  });
  const udp = ({ host, port }) => new Promise((resolve) => {
    const socket = dgram.createSocket(net.isIPv6(host.split('%')[0]) ? 'udp6' : 'udp4');
    const end = (result) => { resolve(result); try { socket.close(); } catch {} };
    socket.once('message', () => end('open'));
    socket.once('error', (error) => end(error.code));
    socket.connect(port, host, (error) => { if (error) end(error.code); else socket.send('hello'); });
    setTimeout(() => end('timeout'), timeoutMs);
  });
  const results = await Promise.all(targets.map(async (target) => {
    const start = performance.now();
    const result = await (target.protocol === 'tcp' ? tcp : udp)(target);
    return { ...target, result, ms: Math.round(performance.now() - start) };
  }));
  console.log(JSON.stringify(results));
  process.exit();
}`;
