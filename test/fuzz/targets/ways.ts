import { parseIp } from '../../../proxy/policy/ip.js';
import { helloFor } from '../../support/client-hello.js';
import { type DnsServer, startDnsServer } from '../../support/dns-server.js';
import { startProxy } from '../../support/proxy.js';
import { type Verdict, verdictOf } from '../../support/verdict.js';
import type { Target } from '../target.js';
import { same } from './parsers.js';

const PORTS = [80, 443, 22, 1024, 8443];

/** Answers names for proxies whose clients come in all three ways. */
export class Names implements AsyncDisposable {
  #opened: Promise<DnsServer> | undefined;

  readonly server = (): Promise<DnsServer> => {
    this.#opened ??= startDnsServer({
      records: {
        '*': ['127.0.0.1'],
        'private.test': ['10.1.2.3'],
        'denied.test': ['192.0.2.9'],
        'mixed.test': ['127.0.0.1', '192.168.0.1'],
        'gone.test': 'nxdomain',
      },
    });
    return this.#opened;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#opened)?.close();
  }
}

/** A host and a port; then a path, and lines of a head. */
const SEEDS = [
  'exact.test:443\n/\nAccept: */*',
  'a.b.DOT.test.:80\n/a?b\nConnection: close\nUser-Agent: curl/8',
  'private.test:443\n/\nCookie: a',
  'denied.test:80\n/\nUpgrade: websocket\nConnection: upgrade',
  'mixed.test:8443\n/\nExpect: 100-continue',
  'evil.test:1024\n/\nProxy-Connection: close',
  'exact.test:22\n/\nX-A: b',
  '127.0.0.1:80\n/\nA:',
  'gone.test:80\n/\nMax-Forwards: 0',
];

/** What a program's connection to a port of the gateway is judged as, that knows of no proxy. */
export const wayTargets = (names: Names): readonly Target[] => [
  {
    name: 'a host, by CONNECT, by a request and directly',
    seeds: SEEDS,
    batch: 4,
    overSockets: true,
    run: async (input) => {
      const [first = '', path = '', ...lines] = input.split('\n');
      const colon = first.lastIndexOf(':');
      const host = first.slice(0, Math.max(0, colon)).slice(0, 400);
      const port = PORTS.find((one) => first.slice(colon + 1) === String(one)) ?? 443;
      // One to itself: a proxy tells what it says again and again only once.
      await using proxy = await startProxy({
        allow: [
          'exact.test',
          '.dot.test',
          'private.test',
          'mixed.test',
          'gone.test',
          'denied.test',
          'exact.test:8443',
        ],
        deny: ['denied.test'],
        addHosts: [],
        allowAddresses: ['127.0.0.1/32'],
        dns: (await names.server()).address,
        direct: [port],
      });
      const hello = helloFor(host);
      judged(
        'CONNECT and TLS without it',
        await verdictOf(proxy, proxy.port, hello, `${host}:${port}`),
        await verdictOf(proxy, proxy.direct(port), hello),
      );
      // In the target of a request these end the host.
      if (/[/?#@\\\s]/.test(host)) return;
      const request = (target: string) =>
        [
          `GET ${target}/${path.replaceAll(/[^!-~]/g, '')} HTTP/1.1`,
          `Host: ${host}:${port}`,
          ...lines,
          '',
          '',
        ].join('\r\n');
      judged(
        'a request to the proxy and one to the host',
        await verdictOf(proxy, proxy.port, request(`http://${host}:${port}`)),
        await verdictOf(proxy, proxy.direct(port), request('')),
      );
    },
  },
];

/** What is no host is refused in each way's own words; an address is none that a server name may have. */
function judged(what: string, one: Verdict, direct: Verdict): void {
  const isMalformed = one.reason.includes('malformed') || parseIp(one.host) !== undefined;
  if (isMalformed && direct.reason.includes('malformed')) return;
  same(what, one, direct);
}
