import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** Takes the WebSocket of an `upgrade` event (RFC 6455), and gives each short message back with `heard ` before it. */
export function takeWebSocket({ headers }: IncomingMessage, socket: Duplex): void {
  // Section 4.2.2.
  const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accepted = createHash('sha1').update(key).digest('base64');
  socket.on('error', () => {});
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accepted}\r\n\r\n`,
  );
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (let end = endOfFrame(received); end <= received.length; end = endOfFrame(received)) {
      answer(socket, received.subarray(0, end));
      received = received.subarray(end);
    }
  });
}

/** Of a masked frame with fewer than 126 bytes (section 5.2). */
function endOfFrame(bytes: Buffer): number {
  return bytes.length < 2 ? Number.POSITIVE_INFINITY : 6 + ((bytes[1] as number) & 0x7f);
}

function answer(socket: Duplex, frame: Buffer): void {
  const mask = frame.subarray(2, 6);
  const payload = frame.subarray(6).map((byte, i) => byte ^ (mask[i % 4] as number));
  const opcode = (frame[0] as number) & 0x0f;
  if (opcode === TEXT) send(socket, TEXT, Buffer.concat([Buffer.from('heard '), payload]));
  if (opcode === PING) send(socket, PONG, payload);
  if (opcode !== CLOSE) return;
  send(socket, CLOSE, payload);
  socket.end();
}

function send(socket: Duplex, opcode: number, payload: Uint8Array): void {
  socket.write(Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]));
}
