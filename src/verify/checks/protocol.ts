import type { Check } from '../check.js';
import type { Arrival, Result } from '../inside/plan.js';
import { DECLARED, UNDECLARED } from '../inside/zone.js';
import type { World } from '../world.js';
import { controlOf, http, tryOf } from './make.js';
import { Asks, allowedControl } from './proxied.js';

const GROUP = 'through the proxy, in another way than it looks';

const never = (): undefined => undefined;
const came = ({ outcome, detail }: Result) => (outcome === 'reached' ? detail : undefined);

export function protocolChecks(world: World): Check[] {
  const { proxy, outside, here, jobHeader } = world;
  if (!proxy || !outside) return [];
  const asks = new Asks(world, proxy);
  const { origin } = outside;
  const allowed = allowedControl(world, proxy, outside);
  const port = here?.tcp ?? 80;
  const tls = (mark: string, serverName: string) =>
    ({
      do: 'hello',
      ...proxy,
      say: http(`CONNECT ${mark}.${DECLARED}:443`, `Host: ${mark}.${DECLARED}:443`),
      serverName,
    }) as const;
  const tlsControl = controlOf(world, 'job', 'TLS for the declared host', (mark) =>
    tls(mark, `${mark}.${DECLARED}`),
  );
  const get = (target: string, ...headers: readonly string[]) => http(`GET ${target}`, ...headers);
  const other = `Host: MARK.${UNDECLARED}`;
  const own = `Host: ${origin}`;
  return [
    {
      group: GROUP,
      title: 'a tunnel with anything but TLS and HTTP',
      tries: [
        ['SSH', 'SSH-2.0-OpenSSH_9.9 MARK\r\n'],
        ['SMTP', 'EHLO MARK\r\n'],
        ['bytes', '\x00\x01\x02 MARK \xff'],
        ['a broken ClientHello', '\x16\x03\x01\x00\x08MARK'],
      ].map(([name = '', text = '']) => asks.connect(() => origin, 443, [text], name)),
      controls: [tlsControl],
      leak: came,
    },
    {
      group: GROUP,
      title: 'TLS for another name than the tunnel (SNI)',
      tries: [
        tryOf(world, 'an undeclared name', (mark) => tls(mark, `${mark}.${UNDECLARED}`)),
        tryOf(world, 'another declared name', (mark) => tls(mark, `other.${mark}.${DECLARED}`)),
      ],
      controls: [tlsControl],
      counts: ({ over }) => over !== 'dns',
      leak: came,
    },
    {
      group: GROUP,
      title: 'another host in Host',
      tries: [
        asks.raw('Host beside the target', get(`http://${origin}/MARK`, other)),
        asks.raw('two Hosts', get(`http://${origin}/MARK`, own, other)),
        asks.raw('two Hosts, the other way', get(`http://${origin}/MARK`, other, own)),
        asks.connect(() => origin, 80, [http('GET /MARK', other)], 'inside a tunnel'),
        asks.connect(
          () => origin,
          80,
          [http('GET /first', own), http('GET /MARK', other)],
          'the second request in a tunnel',
        ),
        asks.connect(
          () => origin,
          80,
          [http(`GET http://MARK.${UNDECLARED}/`, own)],
          'a whole URL in a tunnel',
        ),
      ],
      controls: [allowed],
      counts: ({ head }) => head.toLowerCase().includes(UNDECLARED),
      leak: never,
    },
    {
      group: GROUP,
      title: 'authorities that two readers read in two ways',
      tries: [
        ...[
          `${origin}@127.0.0.1:${port}`,
          `${origin}:80@127.0.0.1:${port}`,
          `127.0.0.1:${port}#${origin}`,
          `127.0.0.1:${port}/${origin}:443`,
          `127.0.0.1:${port}\\@${origin}:443`,
          `127.0.0.1:${port}?${origin}:443`,
          `127.0.0.1:${port}\t${origin}:443`,
          `localhost%00.${DECLARED}:${port}`,
          `localhost\x00.${DECLARED}:${port}`,
          `${origin}:443:${port}`,
          `[::ffff:127.0.0.1%25.${DECLARED}]:${port}`,
        ].flatMap((target) => [
          asks.raw(
            `CONNECT ${JSON.stringify(target)}`,
            http(`CONNECT ${target}`, `Host: ${target}`),
            get('/MARK'),
          ),
          asks.raw(`GET http://${JSON.stringify(target)}`, get(`http://${target}/MARK`, own)),
        ]),
      ],
      controls: [allowed],
      counts: ({ at }) => at !== 'the outside',
      leak: never,
    },
    {
      group: GROUP,
      title: 'a request hidden in another (smuggling)',
      tries: smuggled(origin).map(([name, text]) => asks.raw(name, text)),
      controls: [allowed],
      counts: hidden,
      leak: never,
    },
    {
      group: GROUP,
      title: 'a request behind a refused tunnel',
      tries: [
        asks.raw(
          'in the same bytes',
          http(`CONNECT no.${UNDECLARED}:443`, `Host: no.${UNDECLARED}:443`) +
            get(`http://${origin}/hidden-MARK`, own),
        ),
      ],
      controls: [allowed],
      counts: hidden,
      leak: never,
    },
    {
      group: GROUP,
      title: `a forged ${jobHeader}`,
      tries: [asks.raw(jobHeader, get(`http://${origin}/`, own, `${jobHeader}: MARK`))],
      controls: [allowed],
      leak: never,
    },
  ];
}

/** What the origin took for a request of its own. */
const hidden = ({ head }: Arrival) => /^GET \/hidden-/.test(head);

function smuggled(origin: string): (readonly [name: string, text: string])[] {
  const inner = `GET /hidden-MARK HTTP/1.1\r\nHost: ${origin}\r\n\r\n`;
  const post = (headers: readonly string[], body: string) =>
    `POST http://${origin}/ HTTP/1.1\r\nHost: ${origin}\r\n${headers.join('\r\n')}\r\n\r\n${body}`;
  return [
    ['two lengths', post([`Content-Length: ${inner.length}`, 'Content-Length: 0'], inner)],
    [
      'length and chunks',
      post([`Content-Length: ${inner.length + 5}`, 'Transfer-Encoding: chunked'], `0\r\n\r\n${inner}`),
    ],
    ['chunks in disguise', post([`Content-Length: ${inner.length}`, 'Transfer-Encoding: xchunked'], inner)],
    ['a folded header', post(['X: 1', ` Content-Length: ${inner.length}`], inner)],
    ['a bare line feed', `GET http://${origin}/ HTTP/1.1\nHost: ${origin}\n\n${inner}`],
  ];
}
