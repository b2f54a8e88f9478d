import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { hasIpv6 } from '../../../docker/host/host-net.js';
import {
  checksum,
  deviceAddress,
  echoRequest,
  ethernetFrame,
  socketAddress,
  udpPacket,
  udpPacket6,
} from '../../../src/verify/inside/attempts/packets.js';
import { listen } from '../../../src/verify/inside/listen.js';
import type { Plan, Result, Said } from '../../../src/verify/inside/plan.js';
import { program } from '../../../src/verify/program.js';

const TOKEN = 'the-word-of-the-listener';

/**
 * Runs the prober as it is run in a container: its text as an argument, with nothing beside it.
 *
 * @param by what runs the command behind it
 */
async function prober(
  plan: Omit<Plan, 'token' | 'waitMs'>,
  env: Record<string, string> = {},
  by: readonly string[] = [],
): Promise<Said[]> {
  const whole: Plan = { token: TOKEN, waitMs: 1000, ...plan };
  const node = [process.execPath, '--input-type=module', '-e', program(), JSON.stringify(whole)];
  const [file = '', ...args] = [...by, ...node];
  const child = spawn(file, args, { cwd: '/', env, stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  for await (const chunk of child.stdout) {
    stdout += chunk;
    // One that listens stays until it is ended.
    if (stdout.includes('"says":"done"')) setTimeout(() => child.kill(), 200);
  }
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

describe('a prober against its own listeners', () => {
  let port: number;
  let said: Said[];
  const result = (mark: string) => said.find((one) => one.says === 'result' && one.mark === mark) as Result;
  const heads = () => said.flatMap((one) => (one.says === 'arrival' ? [`${one.over} ${one.head}`] : []));

  beforeAll(async () => {
    port = await freePort();
    const to = { host: '127.0.0.1', port };
    said = await prober(
      {
        listen: {
          at: 'here',
          addresses: ['127.0.0.1'],
          tcp: [port],
          udp: [port],
          bytesAt: '127.0.0.1',
        },
        attempts: [
          { mark: 'm1', do: 'tcp', ...to },
          { mark: 'm2', do: 'udp', ...to },
          {
            mark: 'm3',
            do: 'talk',
            ...to,
            say: ['GET /m3 HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /m3b HTTP/1.1\r\nHost: b\r\n\r\n'],
          },
          { mark: 'm4', do: 'hello', ...to, serverName: 'm4.example.com' },
          { mark: 'm5', do: 'tcp', host: '127.0.0.1', port: 1 },
          {
            mark: 'm6',
            do: 'transfer',
            ...to,
            say: 'GET /bytes/BYTES HTTP/1.1\r\nHost: a\r\n\r\n',
            connections: 2,
            bytes: 200_000,
            up: false,
          },
          {
            mark: 'm7',
            do: 'transfer',
            ...to,
            say: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: BYTES\r\n\r\n',
            connections: 2,
            bytes: 200_000,
            up: true,
          },
          {
            mark: 'm8',
            do: 'talk',
            host: '$proxy',
            port: 0,
            say: ['CONNECT $proxy:0 HTTP/1.1\r\nHost: m8\r\n\r\n'],
          },
          { mark: 'm9', do: 'udp', host: '127.0.0.1', port: 1 },
        ],
      },
      { http_proxy: `http://127.0.0.1:${port}` },
    );
  });

  it.each(['m1', 'm2', 'm3', 'm6', 'm7'])('%s reaches them', (mark) => {
    expect(result(mark)).toMatchObject({ outcome: 'reached' });
  });

  it('tells what came there, also without an answer', () => {
    expect(heads()).toEqual(expect.arrayContaining(['tcp m1\n', 'udp m2', 'tcp GET /m3b\r\nHost: b']));
    expect(heads().some((head) => head.includes('m4.example.com'))).toBe(true);
    expect(result('m4').outcome).not.toBe('reached');
  });

  it('tells where nothing listens', () => {
    expect(result('m5')).toMatchObject({ outcome: 'refused', detail: 'ECONNREFUSED' });
    expect(result('m9')).toMatchObject({ outcome: 'refused' });
  });

  it('finds the proxy by its variables, and names it in what it says', () => {
    expect(heads()).toContain(`tcp CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: m8\r\n\r\n`);
    expect(said.at(-1)).toMatchObject({ says: 'done', proxy: { host: '127.0.0.1', port } });
  });
});

describe('zeros for measuring', () => {
  const heardOf = async (path: string, bytesAt?: string) => {
    await using listening = await listen(
      { at: 'here', addresses: ['127.0.0.1'], tcp: [0], udp: [], ...(bytesAt && { bytesAt }) },
      TOKEN,
      () => {},
    );
    return await (await fetch(`http://127.0.0.1:${listening.tcp[0]}${path}`)).text();
  };

  it('are given where it is said, and to a limit', async () => {
    expect(await heardOf('/bytes/70000', '127.0.0.1')).toHaveLength(70_000);
    expect(await heardOf('/bytes/64000001', '127.0.0.1')).toBe(`${TOKEN}\n`);
  });

  it.each([undefined, '127.0.0.2'])('are not given elsewhere (%s)', async (bytesAt) => {
    expect(await heardOf('/bytes/70000', bytesAt)).toBe(`${TOKEN}\n`);
  });
});

describe('what it has no socket for in Node', () => {
  it.skipIf(process.getuid?.() !== 0)(
    'an echo, a datagram in another name, and one bound to a device, by its program for system calls',
    async () => {
      const port = await freePort();
      const said = await prober({
        listen: { at: 'here', addresses: ['127.0.0.1'], tcp: [], udp: [port] },
        attempts: [
          { mark: 'm1', do: 'ping', host: '127.0.0.1' },
          { mark: 'm2', do: 'forge', host: '127.0.0.1', port, source: '127.0.0.9' },
          { mark: 'm3', do: 'bound', host: '127.0.0.1', port },
        ],
      });
      expect(said).toContainEqual(expect.objectContaining({ mark: 'm1', outcome: 'reached' }));
      expect(said).toContainEqual(expect.objectContaining({ head: 'm2', from: '127.0.0.9' }));
      expect(said).toContainEqual(expect.objectContaining({ head: 'm3' }));
      expect(said).toContainEqual(expect.objectContaining({ mark: 'm3', detail: 'sent by lo' }));
    },
  );

  it.skipIf(process.getuid?.() !== 0 || !hasIpv6())(
    'datagrams in frames made by hand, from one end of a link to the other',
    async () => {
      const link = `
        for one in all default; do echo 0 >/proc/sys/net/ipv4/conf/$one/rp_filter; done
        ip link add jga type veth peer name jgb && ip addr add 192.0.2.1/24 dev jgb &&
        ip -6 addr add 2001:db8::1/64 dev jgb nodad && ip -6 addr add fe80::1/64 dev jga nodad &&
        ip link set jga up && ip link set jgb up && exec "$@"`;
      const port = 5353;
      const to = (mark: string, host: string) => ({ mark, do: 'frame', host, port, device: 'jga' }) as const;
      const said = await prober(
        {
          listen: { at: 'here', addresses: ['::'], tcp: [], udp: [port] },
          attempts: [to('m1', '192.0.2.1'), to('m2', '2001:db8::1'), to('m3', 'ff02::1')],
        },
        { PATH: process.env.PATH ?? '' },
        ['unshare', '--net', 'sh', '-c', link, 'sh'],
      );
      expect(said).toContainEqual(expect.objectContaining({ head: 'm1', from: '::ffff:198.18.0.1' }));
      expect(said).toContainEqual(expect.objectContaining({ head: 'm2', from: 'fe80::6a67%jgb' }));
      expect(said).toContainEqual(expect.objectContaining({ head: 'm3', from: 'fe80::6a67%jgb' }));
      expect(said).toContainEqual(expect.objectContaining({ mark: 'm3', detail: 'sent by jga' }));
    },
  );

  it('a frame as Linux sends it', () => {
    const packet = udpPacket6('fe80::6a67', 'ff02::1', 53, 'odd');
    expect(ethernetFrame('33:33:00:00:00:01', '02:00:00:00:00:01', packet).toString('hex')).toBe(
      '33330000000102000000000186dd' +
        '60000000000b1140fe800000000000000000000000006a67ff020000000000000000000000000001' +
        '9c400035000b28126f6464',
    );
    const packet4 = udpPacket('192.0.2.1', '192.0.2.2', 53, 'mark');
    const frame4 = ethernetFrame('ff:ff:ff:ff:ff:ff', '02:00:00:00:00:01', packet4);
    expect(frame4.toString('hex', 0, 14)).toBe('ffffffffffff0200000000010800');
    expect(deviceAddress(7).toString('hex')).toBe('1100000007000000000000000000000000000000');
  });

  it('packets as RFC 791, 768, 792 and 4443 have them', () => {
    const echo = echoRequest(4, 'mark');
    expect(echo[0]).toBe(8);
    expect(checksum(echo)).toBe(0);
    expect(echoRequest(6, 'odd')).toHaveLength(12);
    const packet = udpPacket('192.0.2.1', '192.0.2.2', 53, 'mark');
    expect(checksum(packet.subarray(0, 20))).toBe(0);
    expect(packet.readUInt16BE(2)).toBe(packet.length);
    expect(packet.toString('latin1', 28)).toBe('mark');
    expect(socketAddress('192.0.2.1', 80).toString('hex')).toBe('02000050c00002010000000000000000');
    expect(socketAddress('2001:db8::1', 80).toString('hex', 8, 24)).toBe('20010db8000000000000000000000001');
    expect(socketAddress('::ffff:192.0.2.1').toString('hex', 8, 24)).toBe('00000000000000000000ffffc0000201');
  });
});
