import type { DnsScript } from '../../support/dns-server.js';
import { now } from '../now.js';
import type { World } from '../world.js';
import { type Draw, ENGINE_MS, inSeconds, pick, sleep, time } from './step.js';

/** What a name server says of an allowed name. Short lives: what it says is over soon after. */
const ANSWERS: Readonly<Record<string, (world: World) => DnsScript>> = {
  'the host': ({ net }) => ({ addresses: [net.dns.split(':')[0] ?? ''], ttl: 1 }),
  loopback: () => ({ addresses: ['127.0.0.1'], ttl: 1 }),
  metadata: () => ({ addresses: ['169.254.169.254'], ttl: 1 }),
  'a sibling': ({ jobs }) => ({
    addresses: [...jobs.values()].map(({ address }) => address).filter(Boolean),
    ttl: 1,
  }),
  nothing: () => 'silence',
  late: () => ({ addresses: ['127.0.0.1'], ttl: 1, delayMs: 4_000 }),
  garbage: () => 'garbage',
  'no such name': () => 'nxdomain',
  servfail: () => 'servfail',
  '64 KB': () => ({
    addresses: Array.from({ length: 2_000 }, (_, i) => `93.184.${i >> 8}.${i & 255}`),
    ttl: 1,
  }),
  'a lie behind a lie': ({ net }) => [
    { addresses: ['127.0.0.1'], ttl: 0 },
    { addresses: [net.dns.split(':')[0] ?? ''], ttl: 0 },
  ],
};

const dns: Draw = (below) => {
  const [index, answer, ms] = [below(6), pick(below, Object.keys(ANSWERS)), time(below, 1_000, 6_000)];
  return {
    what: `#${index} ${answer} ${inSeconds(ms)}`,
    withinMs: 10_000,
    async run({ world }) {
      const slot = world.slots[index % world.slots.length];
      const name = index < world.slots.length ? slot?.own : slot?.shared;
      const address = world.net.addresses[name ?? ''];
      const script = ANSWERS[answer];
      if (!name || !address || !script) return;
      world.net.dnsServer.set(name, script(world));
      await sleep(ms);
      world.net.dnsServer.set(name, [address]);
    },
  };
};

/** They accept no more, and say no more. */
const origins: Draw = (below) => {
  const ms = time(below, 500, 5_000);
  return {
    what: inSeconds(ms),
    withinMs: 10_000,
    async run({ world, reached }) {
      const since = now();
      process.kill(world.net.pid, 'SIGSTOP');
      await sleep(ms);
      reached.originsWere(since);
      process.kill(world.net.pid, 'SIGCONT');
    },
  };
};

/** One job ends, and another one begins. */
const job: Draw = (below) => {
  const index = below(5);
  return {
    what: `#${index}`,
    // At the other placement serve is started twice for it.
    withinMs: ENGINE_MS,
    async run({ world, reached }) {
      const slot = world.slots[index % world.slots.length];
      const old = slot && world.jobs.get(slot.name);
      if (!slot || !old) return;
      reached.ended(old.id);
      reached.may(slot.extra, false);
      await old.end();
      await world.begin(slot).catch(() => {}); // it is begun again where it did not
    },
  };
};

export const internet: Readonly<Record<string, Draw>> = { dns, origins, job };
