import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect } from 'vitest';
import { createDialler, type Dialler, type DiallerOptions } from '../../../proxy/dial/dialler.js';
import { type Authority, parseConnectTarget } from '../../../proxy/policy/authority.js';
import type { JudgedAddress } from '../../../proxy/policy/judged.js';
import { parseUpstream, type Upstream } from '../../../proxy/policy/upstream.js';
import { Cleanup } from '../../support/cleanup.js';

export function authority(target: string): Authority {
  const parsed = parseConnectTarget(target);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

export function judged(...addresses: string[]): JudgedAddress[] {
  return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }) as JudgedAddress);
}

function upstreamOf(text: string): Upstream {
  const parsed = parseUpstream(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
}

export async function read(socket: Socket, enough: string): Promise<string> {
  let all = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    all += (chunk as Buffer).toString('latin1');
    if (all.includes(enough)) break;
  }
  return all;
}

/** What a test of upstream proxies opens; it ends with the test. */
export class Upstreams extends Cleanup {
  dialler(upstream: string, options: Omit<DiallerOptions, 'upstream'> = {}): Dialler {
    const created = createDialler({ upstream: upstreamOf(upstream), ...options });
    this.add(() => created.close());
    return created;
  }

  /** A server on loopback, `host` or both families. */
  async serve(onSocket: (socket: Socket) => void, host = '127.0.0.1', port = 0): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.add(() => socket.destroy());
      socket.on('error', () => {});
      onSocket(socket);
    });
    server.listen(port, host);
    await once(server, 'listening');
    this.add(() => new Promise((done) => server.close(done)));
    return (server.address() as { port: number }).port;
  }

  /** Greets, so that bytes follow the proxy's answer directly, then echoes. */
  greeter(host?: string, port?: number): Promise<number> {
    return this.serve(
      (socket) => {
        socket.write('hello from the origin\n');
        socket.pipe(socket);
      },
      host,
      port,
    );
  }

  async echoes(socket: Socket): Promise<void> {
    this.add(() => socket.destroy());
    // Later than any timer of the handshake: nothing may be lost while nobody listens.
    await new Promise((done) => setTimeout(done, 30));
    expect(await read(socket, '\n')).toBe('hello from the origin\n');
    socket.write('ping\n');
    expect(await read(socket, '\n')).toBe('ping\n');
  }
}
