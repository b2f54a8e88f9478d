import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createCa, type TestCa } from './ca.js';
import { type DnsServer, startDnsServer } from './dns-server.js';
import type { FromOrigins, OriginConfig, OriginEvent, Service, ToOrigins } from './origins.js';

export type { OriginEvent, Service } from './origins.js';

export interface HostSpec {
  /** Another host of this internet whose address it shares; default an address of its own. */
  readonly at?: string;
  /** Default `{ 80: 'http', 443: 'https' }`; belongs to the address, so not with `at`. */
  readonly services?: Readonly<Record<number, Service>>;
  /** An IPv6 address as well; default no. */
  readonly ipv6?: boolean;
  /** Served below /files/. */
  readonly folder?: string;
}

export interface InternetOptions {
  readonly hosts: Readonly<Record<string, HostSpec>>;
  /** Default one of its own. */
  readonly ca?: TestCa;
  /** Told at once what the origins see; `seen` then has nothing. */
  readonly onEvent?: (event: OriginEvent) => void;
}

export interface Internet extends AsyncDisposable {
  /** `IP:PORT` of a DNS server that knows the hosts; reachable from this machine and from containers on an ordinary bridge. */
  readonly dns: string;
  readonly dnsServer: DnsServer;
  readonly ca: TestCa;
  readonly caPem: string;
  /** IPv4 by host. */
  readonly addresses: Readonly<Record<string, string>>;
  /** IPv6 by host, for those that asked for it. */
  readonly addresses6: Readonly<Record<string, string>>;
  /** The machine's interface that leads to the origins. */
  readonly device: string;
  /** Of the process with all origins. */
  readonly pid: number;
  /** Everything that the origins have seen by now, e.g. to find that a refused request never arrived. */
  seen(): Promise<readonly OriginEvent[]>;
  /** Of what was seen, the requests only. */
  requests(): Promise<readonly OriginEvent[]>;
  /** Empties what was seen so far. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

const defaultServices: Readonly<Record<number, Service>> = { 80: 'http', 443: 'https' };

/**
 * A small internet on this machine: origins with public addresses in a network namespace, joined to the machine by a veth
 * pair, with names, and certificates of a test CA. Needs root and `ip`.
 *
 * The addresses are of 93.184.0.0/16 and 2606:2800::/32, because the proxy rightly refuses the ranges for documentation and
 * tests. A route of the machine makes a block of them local, and is checked before anything is sent: what is meant for
 * them never leaves the machine. Answers to private addresses are routed back, so that a job whose isolation were missing
 * would reach the origins. When the process ends, in whatever way, the namespace, its interface and its routes end with it.
 */
export async function startInternet({ hosts, ca: given, onEvent }: InternetOptions): Promise<Internet> {
  const ca = given ?? (await createCa());
  const plan = planAddresses(hosts);
  const events: OriginEvent[] = [];
  const origins = new Origins(onEvent ?? ((event) => events.push(event)));
  let dnsServer: DnsServer | undefined;
  let linked = false;
  const close = async () => {
    await dnsServer?.close();
    await origins.reset();
    if (linked) ip(`link del ${plan.device}`);
    linked = false;
    await origins.end();
  };
  try {
    await origins.next('start');
    ip(
      `link add ${plan.device} type veth peer name origins netns ${origins.pid}`,
      `addr add ${plan.near}/30 dev ${plan.device}`,
      ...(plan.block6 ? [`addr add ${plan.near6}/64 dev ${plan.device} nodad`] : []),
      `link set ${plan.device} up`,
    );
    linked = true;
    const certificates: Record<string, { key: string; cert: string }> = {};
    const folders: Record<string, string> = {};
    for (const [name, host] of Object.entries(hosts)) {
      const addresses = [plan.addresses[name], plan.addresses6[name]].filter((a) => a !== undefined);
      certificates[name] = await ca.issue([name, ...addresses]);
      if (host.folder) folders[name] = host.folder;
    }
    await origins.configure({ ip: plan.inside, listeners: listenersOf(hosts, plan), certificates, folders });
    ip(
      `route add ${plan.block} dev ${plan.device} src ${plan.near}`,
      ...(plan.block6 ? [`route add ${plan.block6} dev ${plan.device} src ${plan.near6}`] : []),
    );
    for (const address of [...Object.values(plan.addresses), ...Object.values(plan.addresses6)]) {
      assertLocal(address, plan.device);
    }
    const records = Object.keys(hosts).map((name) => {
      const addresses = [plan.addresses[name], plan.addresses6[name]].filter((a) => a !== undefined);
      return [name, addresses] as const;
    });
    dnsServer = await startDnsServer({ host: plan.near, records: Object.fromEntries(records) });
  } catch (error) {
    await close();
    throw error;
  }
  const seen = async () => {
    await origins.flush();
    return [...events];
  };
  return {
    dns: dnsServer.address,
    dnsServer,
    ca,
    caPem: ca.pem,
    addresses: plan.addresses,
    addresses6: plan.addresses6,
    device: plan.device,
    pid: origins.pid,
    seen,
    requests: async () => (await seen()).filter(({ kind }) => kind === 'request'),
    async forget() {
      await origins.flush();
      events.splice(0);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function planAddresses(hosts: Readonly<Record<string, HostSpec>>) {
  const device = `jgt-${randomInt(36 ** 8).toString(36)}`;
  const third = freeBlock();
  const [near, far] = freeLink();
  const block = `93.184.${third}.0/24`;
  const block6 = Object.values(hosts).some(({ ipv6 }) => ipv6)
    ? `2606:2800:${third.toString(16)}::/64`
    : undefined;
  const prefix6 = `fd6a:6774:${randomInt(0x10000).toString(16)}:`;
  const addresses: Record<string, string> = {};
  const addresses6: Record<string, string> = {};
  let last = 9;
  for (const [name, host] of Object.entries(hosts)) {
    if (host.at !== undefined) continue;
    last += 1;
    addresses[name] = `93.184.${third}.${last}`;
    if (host.ipv6) addresses6[name] = `2606:2800:${third.toString(16)}::${last.toString(16)}`;
  }
  const own = Object.values(addresses);
  const own6 = Object.values(addresses6);
  for (const [name, { at }] of Object.entries(hosts)) {
    if (at === undefined) continue;
    const shared = addresses[at];
    if (shared === undefined) throw new Error(`${name} is to be at ${at}, which has no address of its own`);
    addresses[name] = shared;
    if (addresses6[at]) addresses6[name] = addresses6[at];
  }
  const inside = [
    'link set lo up',
    `addr add ${far}/30 dev origins`,
    'link set origins up',
    ...own.map((address) => `addr add ${address}/32 dev origins`),
    ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map((net) => `route add ${net} via ${near}`),
    ...(block6 ? [`addr add ${prefix6}:2/64 dev origins nodad`] : []),
    ...own6.map((address) => `addr add ${address}/128 dev origins nodad`),
  ];
  return { device, near, near6: `${prefix6}:1`, block, block6, addresses, addresses6, inside };
}

/** The third octet of a block that no other internet on this machine has. */
function freeBlock(): number {
  const taken = execFileSync('ip', ['-4', 'route'], { encoding: 'utf8' });
  for (;;) {
    const third = randomInt(256);
    if (!taken.includes(`93.184.${third}.`)) return third;
  }
}

/** Two addresses for the link itself: link-local ones that no interface of this machine is near. */
function freeLink(): [near: string, far: string] {
  const used = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  for (;;) {
    const net = `169.254.${randomInt(1, 160)}`;
    const start = 4 * randomInt(1, 63);
    if (!used.some(({ address }) => address.startsWith(`${net}.`)))
      return [`${net}.${start + 1}`, `${net}.${start + 2}`];
  }
}

type Listener = OriginConfig['listeners'][number];

function listenersOf(hosts: InternetOptions['hosts'], plan: ReturnType<typeof planAddresses>): Listener[] {
  return Object.entries(hosts).flatMap(([name, { at, services = defaultServices }]) => {
    if (at !== undefined) return [];
    const addresses = [plan.addresses[name], plan.addresses6[name]].filter((a) => a !== undefined);
    return addresses.flatMap((address) =>
      Object.entries(services).map(([port, service]) => ({ address, port: Number(port), service, name })),
    );
  });
}

/** Nothing may leave the machine: not an address is used before the kernel says that its way is our own interface. */
function assertLocal(address: string, device: string): void {
  const route = execFileSync('ip', ['-o', 'route', 'get', address], { encoding: 'utf8' });
  if (!route.includes(` dev ${device} `)) {
    throw new Error(`${address} is not routed to ${device} but: ${route.trim()}`);
  }
}

function ip(...commands: string[]): void {
  try {
    execFileSync('ip', ['-batch', '-'], {
      input: `${commands.join('\n')}\n`,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer };
    if (code === 'ENOENT') throw new Error('`ip` is missing: apt-get install iproute2', { cause: error });
    throw new Error(`ip: ${stderr?.toString().trim()} (in: ${commands.join('; ')})`, { cause: error });
  }
}

/** The process with the origins, in a namespace of its own, which exists as long as the process does. */
class Origins {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #waiting = new Map<string, { done: (message: FromOrigins) => void; fail: (error: Error) => void }>();
  #tail: Promise<unknown> = Promise.resolve();

  constructor(onEvent: (event: OriginEvent) => void) {
    const script = fileURLToPath(new URL('origins.ts', import.meta.url));
    const tsx = import.meta.resolve('tsx');
    this.#child = spawn('unshare', ['--net', process.execPath, '--import', tsx, script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message: FromOrigins) => {
      if (message.did === 'see') onEvent(message.event);
      else this.#waiting.get(message.did)?.done(message);
    });
    this.#ended = new Promise((resolve) => {
      const gone = (why: string) => {
        for (const { fail } of this.#waiting.values()) fail(new Error(`the origins ended: ${why}`));
        resolve();
      };
      this.#child.once('error', (error) => gone(error.message));
      this.#child.once('exit', (code, signal) => gone(`${signal ?? code} (they need root)`));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  next(did: FromOrigins['did']): Promise<FromOrigins> {
    const answer = new Promise<FromOrigins>((done, fail) => this.#waiting.set(did, { done, fail }));
    if (this.#child.exitCode !== null) throw new Error('the origins have ended');
    return answer.finally(() => this.#waiting.delete(did));
  }

  /** One question at a time. */
  #ask(message: ToOrigins): Promise<FromOrigins> {
    const answer = this.#tail.then(() => {
      const answered = this.next(message.do);
      this.#child.send(message);
      return answered;
    });
    this.#tail = answer.catch(() => {});
    return answer;
  }

  async configure(config: OriginConfig): Promise<void> {
    const answer = await this.#ask({ do: 'configure', config });
    if (answer.did === 'configure' && answer.problem) throw new Error(`the origins: ${answer.problem}`);
  }

  async flush(): Promise<void> {
    await this.#ask({ do: 'flush' });
  }

  /** Resets every connection. */
  async reset(): Promise<void> {
    if (this.#child.connected) await this.#ask({ do: 'close' }).catch(() => {});
  }

  async end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
