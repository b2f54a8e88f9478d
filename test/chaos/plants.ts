import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { docker, run } from '../support/e2e.js';
import { open } from '../support/serve.js';
import type { Account } from './invariants/accounts.js';
import type { Job } from './job.js';
import { now } from './now.js';
import type { Patches } from './patches.js';
import type { World } from './world.js';

/**
 * A fault on purpose, behind the back of the invariants, which shows that a kind of them finds what it is there for. `now` is
 * done when all is well, `end` once the jobs are over.
 */
export interface Plant {
  readonly now?: (world: World, patches: Patches) => Promise<unknown>;
  readonly mix?: (accounts: (Account | undefined)[]) => (Account | undefined)[];
  readonly end?: (world: World) => Promise<unknown>;
  /** The finding. */
  readonly finds: RegExp;
}

const jobOf = ({ jobs }: World, name: string) => jobs.get(name) as Job;

const patch = ({ serve }: World, { gateway }: Job, body: object) =>
  serve.ask(`/v1/gateways/${gateway}`, { method: 'PATCH', body, headers: { 'if-match': '*' } });

/** Another interface in a job's container, with the host at its other end: a way round the gateway. */
async function secondInterface(world: World): Promise<void> {
  const pid = await docker('inspect', '-f', '{{.State.Pid}}', jobOf(world, 'h1').container);
  const host = ['link add chaos-hole type veth peer name hole netns', pid].join(' ');
  const script = `ip ${host} && ip addr add 192.168.213.1/30 dev chaos-hole && ip link set chaos-hole up &&
    nsenter -t ${pid} -n ip addr add 192.168.213.2/30 dev hole && nsenter -t ${pid} -n ip link set hole up`;
  const ran = await run('sh', ['-c', script]);
  if (ran.code !== 0) throw new Error(`no hole can be planted: ${ran.stderr}`);
  world.plan();
}

const held: IncomingMessage[] = [];
let again: NodeJS.Timeout | undefined;

export const PLANTS: Readonly<Record<string, Plant>> = {
  bypass: { now: secondInterface, finds: /^reached: .*192\.168\.213\.1/ },
  allowlist: {
    now: (world) => patch(world, jobOf(world, 'c1'), { allow: ['forbidden.example.net'] }),
    finds: /^reached: .*forbidden/,
  },
  rate: {
    // Others change it as well.
    async now(world) {
      again = setInterval(
        () => void patch(world, jobOf(world, 'g1'), { rate: '10mbit' }).catch(() => {}),
        500,
      );
    },
    finds: /^rate: g1/,
  },
  budget: {
    now(world, patches) {
      const job = jobOf(world, 'h2');
      // Else it would be given more before it is at its end.
      patches.leave(job);
      job.rates.push({ from: now(), rate: job.slot.rate });
      return patch(world, job, { budget: 'unlimited', rate: `${job.slot.rate / 1000}kbit` });
    },
    finds: /^budget: h2/,
  },
  account: {
    mix: ([one, two, ...more]) => [
      one && two && { ...one, total: two.total },
      one && two && { ...two, total: one.total },
      ...more,
    ],
    finds: /^account: .* and its account \d/,
  },
  closed: {
    now: ({ serve, ...world }) =>
      serve.ask(`/v1/gateways/${jobOf(world as World, 'h1').gateway}`, { method: 'DELETE' }),
    finds: /^alive: .*h1/,
  },
  descriptors: {
    async now({ serve }) {
      // Each follows the events for as long as it is open.
      for (let i = 0; i < 60; i++) held.push(await open(serve.socket, '/v1/events'));
    },
    finds: /^steady: .* descriptors/,
  },
  network: { end: () => docker('network', 'create', 'jobgate-0123456789ab'), finds: /^left: networks/ },
  file: {
    end: async ({ serve }) => writeFileSync(`${serve.state}/left`, ''),
    finds: /^left: files/,
  },
};

/** Takes back what would be in the way of the end. */
export async function takeBack(): Promise<void> {
  clearInterval(again);
  for (const stream of held.splice(0)) stream.destroy();
  await run('docker', ['network', 'rm', 'jobgate-0123456789ab']);
}
