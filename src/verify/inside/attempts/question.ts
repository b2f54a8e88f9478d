import { lookup } from 'node:dns/promises';
import type { Attempt } from '../plan.js';
import { datagram } from './datagram.js';
import { type Bounds, type Found, ofError } from './outcome.js';
import { talk } from './talk.js';

const A = 1;
const RECURSION_DESIRED = 0x0100;
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
/** RFC 1035, 4.1.1: a header has twelve bytes. */
const HEADER = 12;

/** A question by hand (RFC 1035), so that it goes to this server and no other. */
export async function question(
  { host, port, name, over }: Attempt & { do: 'dns' },
  bounds: Bounds,
): Promise<Found> {
  const message = encode(name);
  if (over === 'udp') return ofAnswer(await datagram({ host, port }, message, bounds), 0);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  const say = [Buffer.concat([length, message]).toString('latin1')];
  return ofAnswer(await talk({ host, port, say }, bounds), 2);
}

/** What programs do. */
export async function systemLookup({ name }: { readonly name: string }): Promise<Found> {
  try {
    const found = await lookup(name, { all: true });
    return { outcome: 'reached', detail: `resolved to ${found.map(({ address }) => address).join(', ')}` };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EAI_AGAIN' || code === 'ENOTFOUND'
      ? { outcome: 'refused', detail: code }
      : ofError(error as Error);
  }
}

function encode(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
  const head = Buffer.alloc(HEADER);
  head.writeUInt16BE(Math.floor(Math.random() * 65_536));
  head.writeUInt16BE(RECURSION_DESIRED, 2);
  head.writeUInt16BE(1, 4);
  return Buffer.concat([head, ...labels, Buffer.of(0, 0, A, 0, 1)]);
}

/** An answer with records is `reached`: whoever gave it knows the name. */
function ofAnswer(found: Found, offset: number): Found {
  const bytes = Buffer.from(found.heard ?? '', 'latin1');
  if (bytes.length < offset + HEADER) return found;
  const rcode = bytes.readUInt16BE(offset + 2) & 0xf;
  const records = bytes.readUInt16BE(offset + 6);
  const said = RCODES[rcode] ?? `RCODE ${rcode}`;
  return records > 0
    ? { ...found, outcome: 'reached', detail: `${said}, ${records} records` }
    : { ...found, outcome: 'refused', detail: said };
}
