import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A host that is there answers in less than a millisecond; the absence of one takes seconds to show. */
const SOON_MS = 20;
const SURE_MS = 2_000;

/** Between the two networks of a gateway's container there is the proxy and nothing else. @throws where packets pass. */
export function assertNoForwarding(): void {
  for (const file of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) {
    let value: string;
    try {
      value = readFileSync(`/proc/sys/net/${file}`, 'utf8').trim();
    } catch {
      continue; // a kernel without IPv6
    }
    if (value !== '0')
      throw new Error(`the container forwards packets: net.${file.replaceAll('/', '.')} is ${value}`);
  }
}

/** Asks for a host that must not be there: `soon` and, once it is sure, `sure` reject where it answers. */
export function assertNobodyAt(host: string): { readonly soon: Promise<void>; readonly sure: Promise<void> } {
  const sure = answers(host).then((answer) => {
    if (answer) throw new Error(`the engine's host has an address on the isolated network: ${host} answers`);
  });
  const soon = Promise.race([sure, sleep(SOON_MS)]);
  for (const promise of [sure, soon]) promise.catch(() => {}); // awaited once the proxy listens
  return { soon, sure };
}

/** Whether a host is there at all: one that is refuses at once. */
function answers(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: 9, timeout: SURE_MS });
    const settle = (answer: boolean) => {
      resolve(answer);
      socket.destroy();
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'ECONNREFUSED'));
  });
}
