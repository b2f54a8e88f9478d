import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The process that listens on a TCP port here, at an IPv4 address where one is given. @throws where there is none. */
export function pidListeningOn(port: number, address?: string): number {
  const at = `${address === undefined ? '' : hex(address)}:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(at) && state === LISTEN)
    .map((fields) => `socket:[${fields[9]}]`);
  const pid = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((name) => filesOf(name).some((file) => inodes.includes(file)));
  if (pid === undefined) throw new Error(`nobody listens on ${address ?? ''}:${port}`);
  return Number(pid);
}

const LISTEN = '0A';

/** As the kernel writes it: the bytes of a little-endian number. */
const hex = (address: string) =>
  address
    .split('.')
    .reverse()
    .map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'))
    .join('');

function filesOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  } catch {
    return []; // gone, or another user's
  }
}
