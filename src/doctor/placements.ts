import type { Engine } from '../../docker/engine/engine.js';
import { engineMessage, engineStatus } from '../../docker/engine/errors.js';
import {
  assertOutside,
  assertRecent,
  assertServersReachable,
  wallOf,
} from '../../docker/gateway/container-needs.js';
import { NOT_ON_PODMAN } from '../../docker/gateway/host-gateway.js';
import type { Placement } from '../../docker/gateway/owned-network.js';
import { engineIsHere } from '../../docker/gateway/placement.js';
import { Lockdown } from '../../docker/host/lockdown.js';
import { defaultGatewayImage } from '../../docker/image/gateway-image.js';
import type { Config } from '../config/load.js';
import { type Finding, fail, failure, ok, warn } from './finding.js';
import {
  bridgeSettings,
  firewallTools,
  hostEnd,
  kernel,
  otherFirewalls,
  platform,
  privileges,
} from './host.js';

/** Both placements of gateways, what each lacks, and which one jobs get. */
export async function placements(config: Config, engine: Engine | undefined): Promise<Finding[]> {
  const host = await onHost(config, engine);
  const container = await inContainer(config, engine);
  const at = (placement: Placement, findings: Finding[]) =>
    findings.map((finding): Finding => ({ ...finding, placement }));
  return [
    verdict(config.gateway.placement, { host: works(host), container: works(container) }),
    ...at('host', host),
    ...at('container', container),
  ];
}

const works = (findings: Finding[]) => findings.every(({ status }) => status !== 'fail');

function verdict(asked: Config['gateway']['placement'], can: Record<Placement, boolean>): Finding {
  const check = 'placement';
  const where = { host: 'on the host', container: 'in containers' };
  if (asked === 'auto') {
    const chosen = can.host ? 'host' : can.container ? 'container' : undefined;
    return chosen
      ? ok(check, `auto: gateways are ${where[chosen]}`)
      : fail(
          check,
          'no gateway can be opened, neither on the host nor in a container',
          'mend one of the two below',
        );
  }
  if (can[asked]) return ok(check, `gateways are ${where[asked]}, as configured`);
  const other = asked === 'host' ? 'container' : 'host';
  return fail(
    check,
    `gateways are to be ${where[asked]}, and cannot be`,
    can[other] ? `mend it, see below, or use --gateway ${other}` : 'mend it, see below',
  );
}

async function onHost(config: Config, engine: Engine | undefined): Promise<Finding[]> {
  return [
    platform(),
    engine ? await place(engine) : fail('engine here', 'no engine answers'),
    privileges(),
    firewallTools(),
    await lockdown(config),
    bridgeSettings(),
    kernel(),
    otherFirewalls(),
  ];
}

async function place({ docker, product }: Engine): Promise<Finding> {
  if (product === 'Podman') return fail('engine here', NOT_ON_PODMAN);
  const here = await engineIsHere(docker);
  if (here === true) return ok('engine here', 'its default bridge is in this network namespace');
  if (here === undefined)
    return warn('engine here', 'it has no default bridge to tell by; the first gateway tells');
  return fail(
    'engine here',
    'the engine is not in this network namespace',
    'run jobgate with the network of its host',
  );
}

async function lockdown(config: Config): Promise<Finding> {
  try {
    const missing = await new Lockdown({ port: config.gateway.port }).verify();
    if (missing.length === 0) return ok('lock-down', `stands, gateway port ${config.gateway.port}`);
    return warn(
      'lock-down',
      `${missing.length} rules or chains are missing; the first gateway installs them`,
      'jobgate lockdown',
    );
  } catch (error) {
    return failure('lock-down', error);
  }
}

async function inContainer(config: Config, engine: Engine | undefined): Promise<Finding[]> {
  if (!engine) return [fail('engine', 'no engine answers')];
  const { image = defaultGatewayImage(), outside } = config.gateway;
  return [
    await judged(
      'engine API',
      `${engine.apiVersion}: bridges without an address of the host, by ${wallOf(engine)}`,
      () => assertRecent(engine),
    ),
    await gatewayImage(engine, image),
    await judged('outside network', outside, () => assertOutside(engine.docker, outside)),
    await judged('servers', 'no DNS server or upstream proxy on a loopback', () =>
      assertServersReachable(config.operator),
    ),
    hostEnd(engine.product === 'Podman' ? undefined : await engineIsHere(engine.docker)),
  ];
}

async function gatewayImage({ docker }: Engine, image: string): Promise<Finding> {
  try {
    const { Size, Config } = await docker.getImage(image).inspect();
    return ok('image', `${image}, ${Math.round(Size / 1e6)} MB, user ${Config.User || 'root'}`);
  } catch (error) {
    if (engineStatus(error) === 404) return fail('image', `${image} is not on the engine`, 'jobgate image');
    return fail('image', `${image}: ${engineMessage(error)}`);
  }
}

async function judged(check: string, fine: string, judge: () => unknown): Promise<Finding> {
  try {
    await judge();
    return ok(check, fine);
  } catch (error) {
    return failure(check, error);
  }
}
