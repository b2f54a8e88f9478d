import { docker, run } from './e2e.js';

/** What a container tries to reach. */
export interface Target {
  readonly protocol: 'tcp' | 'udp';
  readonly host: string;
  readonly port: number;
}

export interface Probed extends Target {
  /** `open`: connected, or a datagram was answered; `timeout`: nothing; else the code of the error. */
  readonly result: string;
  /** What was said first, by a TCP service that speaks first. */
  readonly said?: string;
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
  return JSON.parse(await docker('exec', container, 'node', '-e', scriptFor(targets, timeoutMs)));
}

/** The same from where a command prefix (`nsenter …`) leads. */
export async function probeFrom(
  prefix: readonly string[],
  targets: readonly Target[],
  timeoutMs = 1_500,
): Promise<Probed[]> {
  const [file = '', ...args] = [...prefix, process.execPath, '-e', scriptFor(targets, timeoutMs)];
  const ran = await run(file, args);
  if (ran.code !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout);
}

const scriptFor = (targets: readonly Target[], timeoutMs: number) =>
  `(${attempt})(${JSON.stringify({ targets, timeoutMs })})`;

// Runs elsewhere: plain JavaScript, CommonJS.
const attempt = `async ({ targets, timeoutMs }) => {
  const net = require('net'), dgram = require('dgram');
  const tcp = ({ host, port }) => new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const end = (result, said) => { resolve({ result, said }); socket.destroy(); };
    socket.once('data', (data) => end('open', String(data).trim()));
    socket.once('connect', () => setTimeout(end, 200, 'open'));
    socket.once('error', (error) => end(error.code));
    setTimeout(end, timeoutMs, 'timeout');
  });
  const udp = ({ host, port }) => new Promise((resolve) => {
    const socket = dgram.createSocket(net.isIPv6(host.split('%')[0]) ? 'udp6' : 'udp4');
    const end = (result) => { resolve({ result }); try { socket.close(); } catch {} };
    socket.once('message', () => end('open'));
    socket.once('error', (error) => end(error.code));
    socket.connect(port, host, (error) => { if (error) end(error.code); else socket.send('hello'); });
    setTimeout(() => end('timeout'), timeoutMs);
  });
  const results = await Promise.all(targets.map(async (target) => {
    const start = performance.now();
    const answer = await (target.protocol === 'tcp' ? tcp : udp)(target);
    return { ...target, ...answer, ms: Math.round(performance.now() - start) };
  }));
  console.log(JSON.stringify(results));
  process.exit();
}`;
