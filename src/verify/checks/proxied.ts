import type { Check, Control, Named } from '../check.js';
import type { Result } from '../inside/plan.js';
import { DECLARED, nameAt, UNDECLARED } from '../inside/zone.js';
import type { Outside } from '../outside.js';
import type { World } from '../world.js';
import { bracketed, controlOf, http, missing, tryOf } from './make.js';

const GROUP = 'through the proxy, what it may not reach';

type Proxy = NonNullable<World['proxy']>;

/** What of an answer says that the request went through. */
export const passed = ({ outcome, heard = '', detail }: Result) =>
  outcome === 'reached' || /^HTTP\/1\.[01] 2/.test(heard) ? `it was let through (${detail})` : undefined;

export function proxiedChecks(world: World): Check[] {
  const { proxy, outside } = world;
  if (!proxy) return [];
  if (!outside) return [missing(GROUP, 'all of it', 'there is no origin that the proxy could reach')];
  const asks = new Asks(world, proxy);
  const allowed = allowedControl(world, proxy, outside);
  const { here, neighbour } = world;
  const inside = [
    ...(here ? ['127.0.0.1', ...here.addresses].map((address) => [address, here.tcp] as const) : []),
    ...(neighbour ? [[neighbour.address, neighbour.tcp] as const] : []),
    ['169.254.169.254', 80] as const,
  ];
  const ipv4 = inside.filter(([address]) => !address.includes(':'));
  const hereControls = here
    ? [controlOf(world, 'here', `127.0.0.1:${here.tcp}`, { do: 'tcp', host: '127.0.0.1', port: here.tcp })]
    : [];
  const controls = [allowed, ...hereControls];
  const resolved = [resolvedControl(world, proxy), ...hereControls];
  return [
    {
      group: GROUP,
      title: 'hosts that are not declared',
      tries: [
        ...asks.both((mark) => `${mark}.${UNDECLARED}`),
        ...asks.both(() => outside.dns, 80),
        ...asks.both((mark) => `${mark}.${DECLARED}.${UNDECLARED}`),
        ...asks.both((mark) => `${mark}-${DECLARED}`),
      ],
      controls: [allowed],
      leak: passed,
    },
    {
      group: GROUP,
      title: 'private addresses and this host, in every spelling',
      tries: [...inside, ...disguises(here?.tcp)].flatMap(([host, port]) =>
        asks.both(() => bracketed(host), port),
      ),
      controls,
      leak: passed,
    },
    {
      group: GROUP,
      title: 'declared names that resolve to them',
      tries: ipv4.map(([address, port]) => asks.get((mark) => nameAt(address, mark), port, address)),
      controls: resolved,
      counts: ({ over }) => over !== 'dns',
      leak: passed,
    },
    {
      group: GROUP,
      title: 'declared names that change their address (rebinding)',
      tries: ipv4.slice(0, 2).map(([address, port]) => {
        const one = asks.get((mark) => nameAt(address, mark, 'rebind'), port, `public, then ${address}`);
        return { ...one, attempt: { ...one.attempt, times: 4 } };
      }),
      controls: resolved,
      counts: ({ over }) => over !== 'dns',
    },
    {
      group: GROUP,
      title: 'other ports of a declared host',
      tries: [22, 25].map((port) => asks.connect(() => outside.origin, port, ['EHLO MARK\r\n'])),
      controls: [allowed],
      leak: passed,
    },
    {
      group: GROUP,
      title: "the proxy itself, and another job's",
      tries: [proxy, ...(neighbour?.proxy ? [neighbour.proxy] : [])].flatMap(({ host, port }) =>
        asks.both(() => host, port),
      ),
      controls: [allowed],
      leak: passed,
    },
  ];
}

/** The same by a name, which the proxy's own resolver finds where it asks verify's name server. */
export function resolvedControl(world: World, proxy: Proxy): Control {
  return controlOf(world, 'job', 'a declared name, through the proxy', (mark) => ({
    do: 'talk',
    ...proxy,
    say: [http(`GET http://${mark}.${DECLARED}/${mark}`, `Host: ${mark}.${DECLARED}`)],
  }));
}

/** The way that works, for every check of the proxy. */
export function allowedControl(world: World, proxy: Proxy, { origin }: Outside): Control {
  return controlOf(world, 'job', 'a declared host, through the proxy', (mark) => ({
    do: 'talk',
    ...proxy,
    say: [http(`GET http://${origin}/${mark}`, `Host: ${origin}`)],
  }));
}

/** Spellings of the loopback that one reader or another takes for it. */
function disguises(port = 80): (readonly [host: string, port: number])[] {
  const hosts = [
    '0.0.0.0',
    '::1',
    '::ffff:127.0.0.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    'localhost',
  ];
  return hosts.map((host) => [host, port] as const);
}

/** Requests and tunnels to a target, each with its mark where the target would see it. */
export class Asks {
  readonly #world: World;
  readonly #proxy: Proxy;

  constructor(world: World, proxy: Proxy) {
    this.#world = world;
    this.#proxy = proxy;
  }

  both(host: (mark: string) => string, port?: number): Named[] {
    return [this.get(host, port ?? 80), this.connect(host, port ?? 443)];
  }

  get(host: (mark: string) => string, port = 80, name = host('…')): Named {
    return tryOf(this.#world, `GET ${name}`, (mark) => ({
      do: 'talk',
      ...this.#proxy,
      say: [http(`GET http://${host(mark)}:${port}/${mark}`, `Host: ${host(mark)}:${port}`)],
    }));
  }

  /** @param then what is said in the tunnel, with MARK for the mark. Default: a request. */
  connect(host: (mark: string) => string, port = 443, then?: readonly string[], name?: string): Named {
    return tryOf(this.#world, name ?? `CONNECT ${host('…')}:${port}`, (mark) => ({
      do: 'talk',
      ...this.#proxy,
      say: [
        http(`CONNECT ${host(mark)}:${port}`, `Host: ${host(mark)}:${port}`),
        ...(then ?? [http('GET /MARK', `Host: ${host(mark)}`)]).map((one) => one.replaceAll('MARK', mark)),
      ],
    }));
  }

  /** Bytes as they are, with MARK for the mark. */
  raw(name: string, ...say: readonly string[]): Named {
    return tryOf(this.#world, name, (mark) => ({
      do: 'talk',
      ...this.#proxy,
      say: say.map((one) => one.replaceAll('MARK', mark)),
    }));
  }
}
