/** The head of a CONNECT, and where it ends. */
interface ConnectHead {
  readonly target: string;
  /** Bytes; what follows belongs to the tunnel. */
  readonly length: number;
}

/** Longer ones are rare. */
const MAX_LENGTH = 2_048;
const METHOD = 'CONNECT ';
/** Each byte has one place in it: two for the space behind a colon would be two to the number of lines. */
const HEAD = /^CONNECT ([A-Za-z0-9.:_-]+) HTTP\/1\.[01]\r\n(?:[A-Za-z-]+:[ -~]*\r\n)*\r\n$/;
/** What a CONNECT must not have; Node's parser has a say about that. */
const FRAMING = /^(?:content-length|transfer-encoding|trailer|upgrade):/im;

/**
 * The head of a CONNECT where `chunk` begins with one that is whole and has nothing unusual, as all clients send it.
 * Undefined for all else, right or wrong: that is for Node's parser, which takes longer than the decision.
 */
export function readConnectHead(chunk: Buffer): ConnectHead | undefined {
  if (chunk[0] !== 0x43 || chunk.toString('latin1', 0, METHOD.length) !== METHOD) return undefined;
  const text = chunk.toString('latin1', 0, MAX_LENGTH);
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end + 4);
  const target = HEAD.exec(head)?.[1];
  if (target === undefined || FRAMING.test(head)) return undefined;
  return { target, length: head.length };
}
