import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { DEFAULT_LIMITS, DEFAULT_OPERATOR_POLICY, type EgressPolicy } from '../../proxy/policy/policy.js';
import { createCa } from '../support/ca.js';
import { type DnsServer, startDnsServer } from '../support/dns-server.js';
import { startTcpOrigin } from '../support/origin.js';
import { startSilentListener } from '../support/silent-listener.js';
import { behave } from './origin-behaviour.js';

export type Report = (problem: string) => void;

/** A job as its clients see it. */
export interface JobSide {
  /** Of its proxy. */
  readonly port: number;
  /** Allowed with all names below it; `denied.` below it is not. */
  readonly domain: string;
  /** What origins must get in the job header. */
  readonly header: string;
}

/**
 * All that the proxies under test may reach, and traps for what they may not: whatever comes to a trap, asks for a name
 * that was not allowed, or reaches an origin without the right job header, is reported.
 */
export interface World extends AsyncDisposable {
  readonly jobs: readonly JobSide[];
  readonly policies: readonly { policy: EgressPolicy; port: number }[];
  /** HTTP, and TLS that gives back what it gets. */
  readonly originPort: number;
  /** Allowed, and nothing listens there. */
  readonly closedPort: number;
  /** Allowed, and attempts to connect hang there; undefined where the kernel cannot do that. */
  readonly silentPort: number | undefined;
  /** In the job's allowlist, but not on a public or excepted address. */
  readonly trapPort: number;
  readonly ca: string;
  /** Origins end every connection: what proxies keep for later goes. */
  hangUp(): void;
}

const JOBS = [
  { domain: 'one.test', job: 'job-1', execution: 'e-1', rate: null },
  { domain: 'two.test', job: 'job-2', rate: 80_000_000 },
];
/** Of the proxies' limits, ms; long enough for a busy machine, on which a client may have no turn for a while. */
const TIMEOUT_MS = 10_000;
const DENIED_ADDRESS = '127.8.8.8';
/** A client that breaks off a handshake with a FIN is let go after so many ms. */
const HANDSHAKE_MS = 20_000;
const TRAP_ADDRESS = '127.9.9.9';

export async function createWorld(report: Report): Promise<World> {
  const ca = await createCa();
  const { key, cert } = await ca.issue(JOBS.flatMap(({ domain }) => [domain, `*.${domain}`]));
  const [one, two, closed] = await freePorts(3);
  const proxyPorts = [one, two] as const;
  const context = tls.createSecureContext({ key, cert });
  const web = http.createServer({ requestTimeout: 0, maxHeaderSize: 1_048_576 }, (request, response) => {
    judge(request, report);
    behave(request, response);
  });
  web.on('checkContinue', (request, response) => {
    judge(request, report);
    behave(request, response);
  });
  web.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket) => {
    socket.destroy();
    if (!error.code?.startsWith('HPE_') || error.code === 'HPE_INVALID_EOF_STATE') return;
    report(
      `an origin got what is not HTTP: ${error.code} in ${error.rawPacket?.toString('latin1').slice(0, 300)}`,
    );
  });
  const origin = await startTcpOrigin((socket) => {
    socket.once('readable', () => {
      const first = socket.read() as Buffer | null;
      if (first === null) return void socket.destroy();
      socket.unshift(first);
      if (first[0] === 22) mirrorTls(socket, context, report);
      else web.emit('connection', socket);
    });
  });
  const traps = await Promise.all(
    [
      [TRAP_ADDRESS, origin.port],
      [DENIED_ADDRESS, origin.port],
      ['127.0.0.1', 0],
    ].map(([host, port]) => trap(host as string, port as number, report)),
  );
  const trapPort = (traps.at(-1) as net.Server).address() as net.AddressInfo;
  const silent = await startSilentListener('127.0.0.1');
  const dns = await startNames(report);
  const reachable = [origin.port, closed as number, ...(silent ? [silent.port] : []), ...proxyPorts];
  const policies = JOBS.map(({ domain, job, execution, rate }, i) => ({
    port: proxyPorts[i] as number,
    policy: {
      job: {
        job,
        ...(execution && { execution }),
        rate,
        allow: [`.${domain}`, ...[...reachable, trapPort.port].map((port) => `.${domain}:${port}`)],
      },
      operator: {
        ...DEFAULT_OPERATOR_POLICY,
        deny: JOBS.map((one) => `denied.${one.domain}`),
        allowAddresses: reachable.map((port) => `127.0.0.0/8:${port}`),
        dns: dns.address,
        limits: {
          ...DEFAULT_LIMITS,
          connectionsPerSecond: 100_000,
          headerTimeoutMs: TIMEOUT_MS,
          helloTimeoutMs: TIMEOUT_MS,
          dnsTimeoutMs: TIMEOUT_MS,
          connectTimeoutMs: TIMEOUT_MS,
        },
      },
    },
  }));
  return {
    jobs: JOBS.map(({ domain, job }, i) => ({
      port: proxyPorts[i] as number,
      domain,
      header: job,
    })),
    policies,
    originPort: origin.port,
    closedPort: closed as number,
    silentPort: silent?.port,
    trapPort: trapPort.port,
    ca: ca.pem,
    hangUp: () => {
      for (const socket of origin.sockets) socket.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      for (const server of traps) server.close();
      await Promise.all([origin.close(), dns.close(), silent?.close()]);
    },
  };
}

/** Below the range that the kernel takes ports for outgoing connections from: they stay free. */
async function freePorts(count: number): Promise<number[]> {
  const free = new Set<number>();
  while (free.size < count) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = net.createServer();
    await new Promise<void>((resolve) => {
      server.once('error', () => resolve());
      server.listen(port, '127.0.0.1', () => {
        free.add(port);
        server.close(() => resolve());
      });
    });
  }
  return [...free];
}

function isAllowed(name: string): boolean {
  return JOBS.some(({ domain }) => name === domain || name.endsWith(`.${domain}`));
}

/** Gives back what it gets inside TLS. OpenSSL is the second opinion on the name in a ClientHello. */
function mirrorTls(socket: net.Socket, secureContext: tls.SecureContext, report: Report): void {
  const inside = new tls.TLSSocket(socket, {
    isServer: true,
    secureContext,
    SNICallback: (name, done) => {
      const host = name.toLowerCase().replace(/\.$/, '');
      if (!isAllowed(host)) report(`TLS for ${JSON.stringify(name)} reached the origin`);
      done(null, secureContext);
    },
  });
  const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
  socket.once('close', () => clearTimeout(timer));
  inside.once('secure', () => clearTimeout(timer));
  inside.on('error', () => socket.destroy());
  inside.pipe(inside);
}

/** What must be true of every request that reaches an origin. */
function judge({ rawHeaders, method, url }: http.IncomingMessage, report: Report): void {
  const values = (test: (name: string) => boolean) =>
    rawHeaders.filter((_, i) => i % 2 === 1 && test(rawHeaders[i - 1]?.toLowerCase() ?? ''));
  const hosts = values((name) => name === 'host');
  const host = hosts[0]?.replace(/:\d+$/, '') ?? '';
  const owner = JOBS.find(({ domain }) => host === domain || host.endsWith(`.${domain}`));
  const stamps = values((name) => name.replaceAll('_', '-') === 'x-bacalhau-job-id');
  const about = `${method} ${url} ${JSON.stringify(rawHeaders)}`;
  if (hosts.length !== 1 || owner === undefined || host.startsWith('denied.')) {
    report(`a request with another Host reached an origin: ${about}`);
  } else if (stamps.length !== 1 || stamps[0] !== owner.job) {
    report(`a request without its job header, or with another, reached an origin: ${about}`);
  }
  if (values((name) => name.startsWith('proxy-') || name === 'upgrade').length > 0) {
    report(`a header that is not for origins reached one: ${about}`);
  }
}

async function trap(host: string, port: number, report: Report): Promise<net.Server> {
  const server = net.createServer((socket) => {
    report(`${host}:${socket.localPort} was dialled`);
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen({ host, port }, resolve));
  return server;
}

/** Names below the jobs' domains, by their first label; the look-up of any other name is reported. */
function startNames(report: Report): Promise<DnsServer> {
  return startDnsServer({
    answer: (name) => {
      if (!isAllowed(name)) report(`${JSON.stringify(name)} was looked up`);
      switch (name.split('.')[0]) {
        case 'nx':
          return 'nxdomain';
        case 'silent':
          return 'silence';
        case 'servfail':
          return 'servfail';
        case 'slow':
          return { addresses: ['127.0.0.1'], delayMs: 100, ttl: 0 };
        case 'private':
          return { addresses: ['10.1.2.3'] };
        case 'mixed':
          return { addresses: ['127.0.0.1', '10.1.2.3'] };
        case 'denied':
        case 'alias':
          return { addresses: [DENIED_ADDRESS], ttl: 5 };
        case 'many':
          return { addresses: ['127.0.0.1', '127.0.0.2', '127.0.0.3'], ttl: 0 };
        default:
          return { addresses: ['127.0.0.1'], ttl: 5 };
      }
    },
  });
}
