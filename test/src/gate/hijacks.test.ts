import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EngineGate } from '../../../src/gate/gate.js';

const ID = '0'.repeat(64);

describe('a connection for an attach', () => {
  let engine: Server;
  let gate: EngineGate;
  let asked = 0;
  const path = (name: string) => join(tmpdir(), `jobgate-hijacks-${process.pid}-${name}.sock`);
  const ends: Socket[] = [];

  beforeEach(async () => {
    asked = 0;
    ends.length = 0;
    engine = createServer((request, response) => {
      const info = { Id: ID, HostConfig: { ContainerIDFile: 'jobgate-gate-a', NetworkMode: 'none' } };
      if (request.url?.endsWith('/wait')) return;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(request.url?.includes('/containers/json') ? [info] : info));
    });
    engine.on('upgrade', (_, socket: Socket) => {
      asked++;
      ends.push(socket.on('error', () => {}));
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    });
    engine.listen(path('engine'));
    const service = {
      engine: { endpoint: { url: `unix://${path('engine')}` } },
      gateways: { list: () => [] },
      ...{ onReady: () => {}, onContainerGone: () => {} },
    };
    gate = new EngineGate({
      id: 'a',
      service: service as never,
      config: {} as never,
      logger: pino({ enabled: false }) as never,
    });
    gate.server.listen(path('gate'));
    await once(gate.server, 'listening');
  });
  afterEach(async () => {
    await gate.stop();
    engine.close();
    engine.closeAllConnections();
    for (const end of ends) end.destroy();
  });

  const post = (verb: string) =>
    `${[`POST /containers/${ID}/${verb} HTTP/1.1`, 'Host: docker', 'Content-Length: 0'].join('\r\n')}\r\n\r\n`;

  it('is none where another answer is still under way', async () => {
    const client = connect(path('gate')).on('error', () => {});
    const responses: ServerResponse[] = [];
    gate.server.prependListener('request', (_, response) => {
      responses.push(response);
    });
    client.write(post('wait') + post('attach?stream=1') + post('wait'));
    await vi.waitFor(() =>
      expect(responses.map((one) => one.writableEnded && one.statusCode)).toEqual([false, 400, 400]),
    );
    expect(asked).toBe(0);
    client.destroy();
    // Alone it gets its connection.
    const alone = connect(path('gate')).on('error', () => {});
    alone.write(post('attach?stream=1'));
    expect(String((await once(alone, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
    expect(asked).toBe(1);
    alone.destroy();
  });
});
