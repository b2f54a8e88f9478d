import { setTimeout as sleep } from 'node:timers/promises';
import {
  executionLabel,
  GATEWAY_IMAGE,
  gatewayBody,
  type Ids,
  type JobOptions,
  jobBody,
  nameOf,
  networkBody,
  type Place,
} from './bodies.js';
import { type EngineClient, EngineError, type Json, readFrames } from './engine-client.js';
import type { Traits } from './versions.js';

/** What it has done of an HTTP job, in this order; each is there once the engine has answered. */
export const STEPS = [
  'bid',
  'found-none',
  'job-image',
  'gateway-image',
  'network-create',
  'network-inspect',
  'gateway-create',
  'gateway-connect',
  'gateway-start',
  'gateway-logs',
  'gateway-healthy',
  'job-create',
  'job-start',
  'job-logs',
  'job-exit',
  'job-stop',
  'job-remove',
  'gateway-remove',
  'network-remove',
] as const;
export type Step = (typeof STEPS)[number];

/** The health of a container that has none: reading it ends the node's process. */
export class NodePanic extends Error {
  override readonly name = 'NodePanic';
}

/** What an execution needs of its node. */
export interface Surroundings {
  readonly engine: EngineClient;
  readonly traits: Traits;
  readonly pollMs: number;
  /** Ends with the node's process. */
  readonly ended: AbortSignal;
  /** The requester wants no more of it. */
  readonly cancelled: AbortSignal;
  /** Whether an image is there for this machine: asked for as the node asks, pulled where it is missing. */
  ensureImage(image: string): Promise<void>;
  /** A line of the node's log. */
  log(line: string): void;
  did(step: Step): Promise<void>;
}

export interface Result {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Makes the container and, for an HTTP job, network and gateway before it. What it made stays where it fails. */
export async function prepare(ids: Ids, job: JobOptions, around: Surroundings): Promise<string> {
  const { engine, traits, did } = around;
  if (traits.adopts) {
    const containers: Json[] = await engine.ask('GET', '/containers/json?all=1');
    const [name, value] = executionLabel(ids);
    const found = containers.find(({ Labels }) => Labels?.[name] === value);
    if (found) return found.Id;
    await did('found-none');
  }
  await around.ensureImage(job.image);
  await did('job-image');
  const place = await placeOf(ids, job, around);
  const name = nameOf(ids, 'executor');
  const body = jobBody(ids, job, place, traits);
  const { Id } = await engine.ask('POST', `/containers/create?name=${name}`, body);
  await did('job-create');
  return Id;
}

async function placeOf(ids: Ids, { network }: JobOptions, around: Surroundings): Promise<Place> {
  const { traits } = around;
  switch (network?.Type ?? 'Default') {
    case 'Default':
      return traits.defaultIsBridge ? 'bridge' : 'none';
    case 'None':
      return 'none';
    case 'Host':
    case 'Full':
      return 'host';
    case 'HTTP':
      return openGateway(ids, network?.Domains ?? [], around);
    case 'Bridge':
      if (traits.hasBridge) return 'bridge';
  }
  throw new Error(`setting up network: unsupported network type "${network?.Type}"`);
}

async function openGateway(ids: Ids, domains: readonly string[], around: Surroundings): Promise<Place> {
  const { engine, traits, did } = around;
  await around.ensureImage(GATEWAY_IMAGE);
  await did('gateway-image');
  const made = await engine.ask('POST', '/networks/create', networkBody(ids, engine.version));
  await did('network-create');
  const network = await engine.ask('GET', `/networks/${made.Id}`);
  const subnet = network.IPAM?.Config?.[0]?.Subnet;
  if (!subnet) throw new Error('setting up network: error getting network subnet');
  await did('network-inspect');
  if (domains.length === 0) throw new Error('setting up network: at least one domain is required');

  const name = nameOf(ids, 'gateway');
  const body = gatewayBody(ids, subnet, domains, traits);
  const gateway = await engine.ask('POST', `/containers/create?name=${name}`, body);
  await did('gateway-create');
  await engine.ask('POST', `/networks/${network.Id}/connect`, { Container: gateway.Id });
  await did('gateway-connect');
  await engine.ask('POST', `/containers/${gateway.Id}/start`);
  await did('gateway-start');
  const logs = await followLogs(gateway.Id, engine);
  readFrames(logs, (source, data) => {
    for (const line of data.toString().split('\n').filter(Boolean)) around.log(`DBG ${source}: ${line}`);
  }).catch(() => {});
  await did('gateway-logs');

  for (;;) {
    const { State, NetworkSettings } = await engine.ask('GET', `/containers/${gateway.Id}/json`);
    if (!State.Health) throw new NodePanic('invalid memory address or nil pointer dereference: State.Health');
    if (State.Health.Status === 'starting') {
      await sleep(around.pollMs, undefined, { signal: around.ended });
      continue;
    }
    if (State.Health.Status !== 'healthy') {
      throw new Error(
        State.Health.Status === 'unhealthy'
          ? 'setting up network: gateway container failed to start'
          : 'setting up network: expecting gateway image to have healthcheck defined',
      );
    }
    const address = NetworkSettings.Networks?.[network.Name]?.IPAddress;
    if (!address) throw new Error('setting up network: gateway does not appear to be attached');
    await did('gateway-healthy');
    return { network: network.Name, proxy: `${address}:8080` };
  }
}

/** Starts the container and stays with it to its end; what belongs to the execution is then removed. */
export async function runContainer(id: string, ids: Ids, around: Surroundings): Promise<Result> {
  const { engine, traits, did } = around;
  try {
    await engine.ask('POST', `/containers/${id}/start`).catch((error) => {
      throw error instanceof EngineError
        ? new Error(`failed to start container: ${error.message}`, { cause: error })
        : error;
    });
    await did('job-start');
    const captured = traits.capturesOutput ? capture(id, around) : undefined;
    captured?.catch(() => {});
    const wait = `/containers/${id}/wait?condition=not-running`;
    const { StatusCode } = await engine.ask('POST', wait, undefined, around.cancelled);
    const { State } = await engine.ask('GET', `/containers/${id}/json`);
    if (State.OOMKilled) throw new Error('memory limit exceeded');
    await captured;
    const output = { stdout: '', stderr: '' };
    await readFrames(await followLogs(id, engine), (source, data) => {
      output[source] += data.toString();
    });
    await did('job-exit');
    return { exitCode: StatusCode, ...output };
  } finally {
    if (!around.ended.aborted) {
      await tearDown(id, ids, around).catch((error) =>
        around.log(`WRN failed to cleanup container: ${error.message}`),
      );
    }
  }
}

async function capture(id: string, { engine, did }: Surroundings): Promise<void> {
  await engine.ask('GET', `/containers/${id}/json`);
  const query = 'follow=1&stderr=1&stdout=1&tail=&timestamps=1';
  const stream = await engine.stream('GET', `/containers/${id}/logs?${query}`);
  await did('job-logs');
  await readFrames(stream, () => {});
}

async function followLogs(id: string, engine: EngineClient) {
  const { Id } = await engine.ask('GET', `/containers/${id}/json`);
  return engine.stream('GET', `/containers/${Id}/logs?follow=1&stderr=1&stdout=1&tail=`);
}

/** All of it has ten seconds, and is given up at the first error of the first two. */
async function tearDown(id: string, ids: Ids, { engine, traits, did }: Surroundings): Promise<void> {
  const signal = AbortSignal.timeout(traits.adopts ? 10_000 : 60_000);
  const ask = (method: string, path: string) => engine.ask(method, path, undefined, signal);
  if (traits.adopts) {
    await ask('POST', `/containers/${id}/stop?t=1`);
    await did('job-stop');
    await ask('DELETE', `/containers/${id}?force=1&v=1`);
    await did('job-remove');
  } else await ask('GET', '/info');
  const filters = encodeURIComponent(JSON.stringify({ label: { [executionLabel(ids).join('=')]: true } }));
  const removeAll = async (kind: 'containers' | 'networks', list: string, query: string) => {
    const found: { Id: string }[] = await ask('GET', list);
    const removed = await Promise.allSettled(found.map((one) => ask('DELETE', `/${kind}/${one.Id}${query}`)));
    return removed.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  };
  const containers = await removeAll(
    'containers',
    `/containers/json?all=1&filters=${filters}`,
    '?force=1&v=1',
  );
  await did('gateway-remove');
  const networks = await removeAll('networks', `/networks?filters=${filters}`, '');
  const [first] = [...containers, ...networks];
  if (first) throw first;
  await did('network-remove');
}
