import { quote } from '../../../admission/problem.js';
import { type Judge, texts } from '../fields.js';
import { refuse } from '../refusal.js';

/** What a container may add: Docker's default set without raw sockets, and what concerns its own processes alone. */
const HARMLESS = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'IPC_LOCK',
  'KILL',
  'LEASE',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

const plain = (name: string) => name.toUpperCase().replace(/^CAP_/, '');

/** Capabilities to add, in one spelling. */
export const added: Judge = (value, at) =>
  (texts(value, at) as string[] | undefined)?.map((name) => {
    if (HARMLESS.has(plain(name))) return plain(name);
    throw refuse(`${at}: ${quote(name)} could undo the isolation of its network: run without it`);
  });

/** Capabilities to drop: any. */
export const dropped: Judge = (value, at) => (texts(value, at) as string[] | undefined)?.map(plain);
