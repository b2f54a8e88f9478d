import { setTimeout as sleep } from 'node:timers/promises';
import { EngineError } from '../../docker/engine/errors.js';
import { machineAddresses } from '../../proxy/decide/machine-addresses.js';
import { abortable } from '../../proxy/util/abort.js';
import type { Check } from './check.js';
import { directChecks } from './checks/direct.js';
import { hostChecks } from './checks/host.js';
import { limitChecks } from './checks/limits.js';
import { nameChecks } from './checks/names.js';
import { neighbourChecks } from './checks/neighbours.js';
import { protocolChecks } from './checks/protocol.js';
import { proxiedChecks } from './checks/proxied.js';
import { publicNameChecks } from './checks/public-names.js';
import { rateChecks } from './checks/rate.js';
import { Evidence } from './evidence.js';
import { type Listening, listen } from './inside/listen.js';
import { KNOWN_INSIDE, type Plan, type Said, type Surroundings } from './inside/plan.js';
import { probe } from './inside/probe.js';
import { DECLARED } from './inside/zone.js';
import { judge } from './judge.js';
import { runNeighbour } from './neighbour.js';
import { openOutside } from './outside.js';
import { type Prober, startProber, startProberBy } from './program.js';
import { publishPort } from './published.js';
import { type Report, verdictOf } from './report.js';
import type { CommandWay, ContainersWay, Place, Way } from './ways/way.js';
import { Marks, type World } from './world.js';

export interface VerifyOptions {
  /** Whether the engine is on this host, so that listeners here are listeners there. */
  readonly engineIsHere: boolean;
  /** What listeners answer; random. */
  readonly token: string;
  /** Names of the operator's that the job declares, and really asks for. */
  readonly publicNames: readonly string[];
  /** So long an attempt waits, ms. Default 2500. */
  readonly waitMs?: number;
  /** Aborted to end it: what was opened is closed, and the reason thrown. */
  readonly stop?: AbortSignal;
}

/** Of addresses of this host, so many are tried. */
const MAX_ADDRESSES = 100;
/** For what was on its way when the job had made its last attempt, ms. */
const LATE_MS = 500;
/** All of it. */
const LIMIT_MS = 110_000;

/**
 * Runs a hostile job, and tells what got through. What is opened for it, is closed in the end.
 *
 * @throws EngineError, GatewayError where no job can be run.
 */
export async function verify(way: Way, options: VerifyOptions): Promise<Report> {
  const start = performance.now();
  const { token, publicNames, waitMs = 2500, stop } = options;
  const rest = { token, waitMs };
  const notes: string[] = [];
  const marks = new Marks();
  const evidence = new Evidence(marks.has);
  const { onSaid } = evidence;
  const without = (what: string) => (error: Error) => {
    notes.push(`${what}: ${error.message}`);
    return undefined;
  };

  await using here = options.engineIsHere ? await listenHere(token, evidence) : undefined;
  await using outside = await openOutside(token, onSaid).catch(without('nothing stands for the outside'));
  const domains = [`.${DECLARED}`, ...(outside ? [outside.origin] : []), ...publicNames];
  const wish = (id: string) => ({ id, domains, outside });
  const containers = 'docker' in way ? way : undefined;
  await using published =
    containers && (await publishPort(containers, token, onSaid).catch(without('no port is published')));
  stop?.throwIfAborted();
  await using neighbour =
    containers && (await runNeighbour(containers, wish('verify-neighbour'), { ...rest, marks }, onSaid));
  stop?.throwIfAborted();
  await using place = await containers?.open(wish('verify'));
  if (!containers) notes.push('there is no other job');

  const around = neighbour?.around ?? (await surroundings(way as CommandWay, token));
  const proxy = place?.proxy ?? (around.proxy && PROXY_OF_VARIABLES);
  const checks = allChecks({
    marks,
    ...(here && { here: { addresses: hostAddresses(notes), tcp: here.tcp[0] ?? 0, udp: here.udp[0] ?? 0 } }),
    ...(outside && { outside }),
    ...(neighbour && { neighbour }),
    ...(published && { published }),
    ...(proxy && { proxy }),
    watchesResolvers: containers !== undefined,
    ...way.promised,
    publicNames,
  });
  const plan = planOf(checks, 'job', rest);
  await using prober =
    'docker' in way && place
      ? await startIn(way, place, plan, onSaid)
      : startProberBy((way as CommandWay).command, plan, onSaid);
  const tried = Promise.all([
    within(LIMIT_MS, prober.done),
    probe(planOf(checks, 'here', rest), (result) => onSaid({ says: 'result', ...result })),
  ]);
  await abortable(tried, stop);
  await sleep(LATE_MS);
  for (const listener of [outside, neighbour, published]) {
    const over = listener?.over();
    // Whatever came after that was not seen.
    if (over !== undefined) throw new EngineError(`a listener of verify ended before the job: ${over}`);
  }
  const lines = checks.map((check) => judge(check, evidence));
  return {
    verdict: verdictOf(lines),
    through: way.through,
    seconds: Math.round((performance.now() - start) / 100) / 10,
    notes,
    lines,
  };
}

const PROXY_OF_VARIABLES = { host: KNOWN_INSIDE.proxy, port: 0 };

const allChecks = (world: World): Check[] => [
  ...directChecks(world),
  ...hostChecks(world),
  ...neighbourChecks(world),
  ...nameChecks(world),
  ...proxiedChecks(world),
  ...protocolChecks(world),
  ...rateChecks(world),
  ...limitChecks(world),
  ...publicNameChecks(world),
];

/** What a prober that tries nothing says. */
async function surroundings({ command }: CommandWay, token: string): Promise<Surroundings> {
  await using prober = startProberBy(command, { token, waitMs: 0, attempts: [] }, () => {});
  // Awaited, or it would be ended before it has begun.
  return await prober.done;
}

async function startIn(
  { docker, image }: ContainersWay,
  { create, started }: Place,
  plan: Plan,
  onSaid: (said: Said) => void,
): Promise<Prober> {
  const prober = await startProber(docker, { image, plan, create }, onSaid);
  const { Networks } = await prober.networks();
  const [address] = Object.values(Networks).flatMap(({ IPAddress }) => IPAddress || []);
  if (address) started?.(address);
  return prober;
}

/** What is tried in one place: of the job also all that is judged. */
function planOf(checks: readonly Check[], from: 'job' | 'here', rest: Pick<Plan, 'token' | 'waitMs'>): Plan {
  const all = checks.flatMap(({ tries, controls }) => [
    ...(from === 'job' ? tries : []),
    ...controls.filter((control) => control.from === from),
  ]);
  const attempts = new Map(all.map(({ attempt }) => [attempt.mark, attempt]));
  return { ...rest, attempts: [...attempts.values()] };
}

async function listenHere(token: string, { onSaid }: Evidence): Promise<Listening> {
  const at = (address: string) =>
    listen({ at: 'this host', addresses: [address], tcp: [0], udp: [0] }, token, (arrival) =>
      onSaid({ says: 'arrival', ...arrival }),
    );
  // Both families, where there are two.
  return at('::').catch(() => at('0.0.0.0'));
}

/** Link-local ones need an interface, which is another one in the job. */
function hostAddresses(notes: string[]): string[] {
  const all = machineAddresses().filter((address) => !/^fe80:/i.test(address));
  if (all.length > MAX_ADDRESSES)
    notes.push(`of ${all.length} addresses of this host ${MAX_ADDRESSES} are tried`);
  return all.slice(0, MAX_ADDRESSES);
}

async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
