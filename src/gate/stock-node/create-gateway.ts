import { isRecord } from '../../../admission/known-keys.js';
import { jobOfNetwork } from '../create/job.js';
import type { Exchange, Gate } from '../exchange.js';
import { entries } from '../policy-labels.js';
import { GateRefusal, refuse } from '../refusal.js';
import { type Execution, executionOf, GATEWAY_IMAGE, labelsOf, nameOf } from './execution.js';
import { VARIABLES } from './shapes.js';

/** Longest list of domains, characters: as much as a label of the engine holds. */
const MAX_DOMAINS = 65_536;

/** Whose gateway container a create asks for; undefined where it is an ordinary container. */
export function wantsGateway(
  name: string | undefined,
  { Image, Labels }: Readonly<Record<string, unknown>>,
): Execution | undefined {
  return Image === GATEWAY_IMAGE && isRecord(Labels) ? executionOf(name, Labels, 'gateway') : undefined;
}

/**
 * Opens the gateway that takes the place of a node's gateway container. Admission is asked when the job's container is
 * made, and more is known of the job.
 */
export async function createGateway(
  execution: Execution,
  body: Readonly<Record<string, unknown>>,
  { json }: Exchange,
  gate: Gate,
): Promise<void> {
  const { nodes, config, own } = gate;
  await own.ready();
  const network = nameOf(execution, 'network');
  const name = nameOf(execution, 'gateway');
  const known = nodes.gatewayOf(name);
  if (known) {
    const by = `by container "${known.ids.gateway}"`;
    throw new GateRefusal(409, `Conflict. The container name "/${name}" is already in use ${by}.`);
  }
  const asked = nodes.waitingOf(network);
  const allow = entries(domainsOf(execution, body.Env), config, VARIABLES.domains);
  const ids = { id: execution.job, executionId: execution.execution };
  const served = await gate.open(
    {
      ...{ job: ids.id, execution: ids.executionId, ...gate.service.names.of(ids.id) },
      ...{ allow, rate: config.rate },
    },
    { gate: own.id, name: network, labels: labelsOf(execution), ...(asked && { subnet: asked.subnet }) },
    jobOfNetwork({ ...ids, name: undefined, domains: allow }),
    async () => {},
  );
  nodes.forget(execution);
  const made = nodes.of(served);
  if (!made) throw new Error(`${network} is no network of ${name}`);
  nodes.setRunning(made, false);
  json(201, { Id: made.ids.gateway, Warnings: [] });
}

function domainsOf({ job, execution }: Execution, env: unknown): string[] {
  const pairs = Array.isArray(env) ? env.map(String) : [];
  const value = (name: string) =>
    pairs.findLast((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
  const isOther =
    (value(VARIABLES.job) ?? job) !== job || (value(VARIABLES.execution) ?? execution) !== execution;
  if (isOther) throw refuse(`Env: ${VARIABLES.job} is not that of the container's name and labels`);
  const text = value(VARIABLES.domains) ?? '';
  if (text.length > MAX_DOMAINS)
    throw refuse(`Env: ${VARIABLES.domains} has more than ${MAX_DOMAINS} characters`);
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    given = undefined;
  }
  if (!Array.isArray(given) || given.length === 0 || given.some((domain) => typeof domain !== 'string')) {
    throw refuse(`Env: ${VARIABLES.domains} must be a JSON list of the job's domains`);
  }
  return given as string[];
}
