import { createHash } from 'node:crypto';
import type http from 'node:http';

/** What `/bytes/N` and the like send. */
export const PATTERN = Buffer.alloc(65_536, 'The quick brown fox jumps over the lazy dog. ');

/** The first `length` bytes of the endless pattern. */
export function pattern(length: number): Buffer {
  const whole = Math.floor(length / PATTERN.length);
  return Buffer.concat([...Array<Buffer>(whole).fill(PATTERN), PATTERN.subarray(0, length % PATTERN.length)]);
}

/**
 * What an origin does, by the first segment of the path: `bytes/N` (with its length), `chunks/N`, `hash` (of the body),
 * `slow/MS`, `mute`, `reset`, `half/N` (hangs up in the middle), `early` (answers before the body), `hints/N`
 * (so many 103), `raw/HEX` (exactly these bytes, then a FIN).
 */
export function behave(request: http.IncomingMessage, response: http.ServerResponse): void {
  const { socket } = request;
  const [, verb, argument = ''] = (request.url ?? '').split(/[/?]/);
  const number = Math.min(Number(argument) || 0, 10_000_000);
  if (verb !== 'early') request.resume();
  response.on('error', () => {});
  switch (verb) {
    case 'bytes':
      response.writeHead(200, { 'Content-Length': number }).end(pattern(number));
      return;
    case 'chunks': {
      const bytes = pattern(number);
      for (let at = 0; at < number; at += 10_000) response.write(bytes.subarray(at, at + 10_000));
      response.end();
      return;
    }
    case 'hash': {
      if (request.headers.expect !== undefined) response.writeContinue();
      const hash = createHash('sha256');
      let length = 0;
      request.on('data', (chunk) => {
        hash.update(chunk);
        length += chunk.length;
      });
      request.on('end', () => response.setHeader('X-Read', length).end(hash.digest('hex')));
      return;
    }
    case 'slow':
      setTimeout(() => response.end('late'), Math.min(number, 1_000));
      return;
    case 'mute':
      return;
    case 'reset':
      socket.resetAndDestroy();
      return;
    case 'half':
      response.writeHead(200, { 'Content-Length': 2 * number + 2 });
      response.write(pattern(number + 1), () => socket.destroy());
      return;
    case 'hints':
      for (let i = 0; i < Math.min(number, 10); i++) response.writeEarlyHints({ link: '</a>; rel=preload' });
      response.end('hinted');
      return;
    case 'raw':
      socket.end(Buffer.from(argument, 'hex'));
      return;
    default:
      response.end('hello');
  }
}
