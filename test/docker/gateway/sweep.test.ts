import type Dockerode from 'dockerode';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type NetworkRecord, toLabels } from '../../../docker/gateway/labels.js';
import { containerName, type Owner, openOwner } from '../../../docker/gateway/owner.js';
import { sweep } from '../../../docker/gateway/sweep.js';

/** As much of an engine as a sweep asks. */
class FakeEngine {
  networks: object[] = [];
  containers: { Id: string; Names: string[]; HostConfig: { NetworkMode: string }; Labels?: object }[] = [];
  removed: string[] = [];
  refusal: { statusCode: number; message: string } | undefined;

  addNetwork(n: number, owner: Owner, change: Partial<NetworkRecord> = {}, info: object = {}): string {
    const hex = n.toString(16).padStart(12, '0');
    const record = { kind: owner.kind, job: 'j', allow: [], rate: null, port: 13128, created: new Date() };
    this.networks.push({
      Id: `n${n}`,
      Name: `jobgate-${hex}`,
      Driver: 'bridge',
      Internal: true,
      Options: { 'com.docker.network.bridge.name': `jg-${hex}` },
      IPAM: { Config: [{ Subnet: `10.213.0.${n * 8}/29`, Gateway: `10.213.0.${n * 8 + 1}` }] },
      Labels: toLabels({ ...record, owner: owner.ref, ...change }),
      ...info,
    });
    return `jobgate-${hex}`;
  }

  addContainer(Id: string, NetworkMode: string, name = 'somebody', Labels = {}): void {
    this.containers.push({ Id, Names: [`/${name}`], HostConfig: { NetworkMode }, Labels });
  }

  get docker(): Dockerode {
    const remove = (id: string) => async () => {
      if (this.refusal) throw Object.assign(new Error(), this.refusal);
      this.removed.push(id);
    };
    return {
      listNetworks: async () => this.networks,
      listContainers: async () => this.containers,
      getContainer: (id: string) => ({ id, remove: remove(id) }),
      getNetwork: (id: string) => ({ inspect: async () => ({ Containers: {} }), remove: remove(id) }),
    } as unknown as Dockerode;
  }
}

let engine: FakeEngine;
let dead: Owner;

beforeEach(async () => {
  engine = new FakeEngine();
  dead = await openOwner('run');
  await dead.close();
});

describe('a sweep', () => {
  it("removes a dead run's network and the containers made for it, started or not", async () => {
    const network = engine.addNetwork(1, dead);
    engine.addContainer('by-name', network);
    engine.addContainer('by-id', 'n1');
    engine.addContainer('other', 'bridge');
    expect(await sweep(engine.docker)).toEqual({ networks: 1, containers: 2, unknown: 0, failed: 0 });
    expect(engine.removed).toEqual(['by-name', 'by-id', 'n1']);
  });

  it('reads what Podman shows: no name of a bridge, no gateway, and networks in place of a mode', async () => {
    const shown = (n: number) => ({
      Options: {},
      IPAM: { Config: [{ Subnet: `10.213.0.${n * 8}/29`, Gateway: '<nil>' }] },
    });
    const network = engine.addNetwork(1, dead, {}, shown(1));
    await using alive = await openOwner('run');
    const other = engine.addNetwork(2, alive, {}, shown(2));
    for (const [Id, name] of [
      ['of-dead', network],
      ['of-alive', other],
    ] as const) {
      const container = { Id, Names: ['/x'], NetworkSettings: { Networks: { [name]: {}, bridge: {} } } };
      engine.containers.push(container as unknown as (typeof engine.containers)[0]);
    }
    await sweep(engine.docker);
    expect(engine.removed).toEqual(['of-dead', 'n1']);
  });

  it("removes a dead run's container on no network, or one that is not ours, by its name", async () => {
    engine.addContainer('none', 'none', containerName(dead));
    engine.addContainer('host', 'host', containerName(dead));
    await sweep(engine.docker);
    expect(engine.removed).toEqual(['none', 'host']);
  });

  it("removes a dead run's container whose network is gone", async () => {
    engine.addContainer('late', 'jobgate-0123456789ab', containerName(dead));
    await sweep(engine.docker);
    expect(engine.removed).toEqual(['late']);
  });

  it.each([500, 409])('goes on where the engine would not remove something (%i)', async (statusCode) => {
    engine.addContainer('a', 'none', containerName(dead));
    engine.refusal = { statusCode, message: 'cannot kill it' };
    const warn = vi.fn();
    const logger = { warn, info: vi.fn(), debug: vi.fn(), error: vi.fn() };
    expect(await sweep(engine.docker, { logger })).toMatchObject({ containers: 0, failed: 1 });
    expect(warn).toHaveBeenCalledOnce();
  });

  it('leaves alone all that belongs to a live one', async () => {
    await using live = await openOwner('run');
    const network = engine.addNetwork(1, live);
    engine.addContainer('a', network, containerName(live));
    engine.addContainer('b', 'none', containerName(live));
    expect(await sweep(engine.docker)).toEqual({ networks: 0, containers: 0, unknown: 0, failed: 0 });
    expect(engine.removed).toEqual([]);
  });

  it("shows a dead serve's networks, and leaves them and their jobs", async () => {
    const serve = await openOwner('serve');
    await serve.close();
    const network = engine.addNetwork(1, serve);
    engine.addContainer('a', network, containerName(serve));
    const onServeNetwork = vi.fn();
    await sweep(engine.docker, { onServeNetwork });
    expect(engine.removed).toEqual([]);
    expect(onServeNetwork).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ id: 'n1', bridge: 'jg-000000000001', subnet: '10.213.0.8/29' }),
    );
  });

  it("shows networks by a client's own name, where a gate made them, on a bridge of their kind", async () => {
    const serve = await openOwner('serve');
    await serve.close();
    const named = (n: number, Name: string, bridge: string, change: Partial<NetworkRecord> = {}) =>
      engine.addNetwork(n, serve, change, {
        Name,
        Options: { 'com.docker.network.bridge.name': bridge },
      });
    const gate = '0123456789ab';
    named(1, 'one', 'jg-000000000001', { gate });
    named(2, 'several', 'jg-s00000000002', { gate, shared: true });
    named(3, 'in-a-container', 'jgc000000000003', { gate });
    named(4, 'no-gate', 'jg-000000000004');
    named(5, 'one-as-several', 'jg-s00000000005', { gate });
    named(6, 'several-as-one', 'jg-000000000006', { gate, shared: true });
    const shown: string[] = [];
    await sweep(engine.docker, { onServeNetwork: ({ name }) => void shown.push(name) });
    expect(shown).toEqual(['one', 'several', 'in-a-container']);
  });

  it('never goes by the labels of containers: images can forge them', async () => {
    const forged = toLabels({
      owner: dead.ref,
      kind: 'run',
      job: 'j',
      allow: [],
      rate: null,
      port: 1,
      created: new Date(),
    });
    engine.addContainer('a', 'bridge', 'somebody', forged);
    await sweep(engine.docker);
    expect(engine.removed).toEqual([]);
  });

  it('leaves alone what it cannot judge', async () => {
    const warn = vi.fn();
    engine.addNetwork(1, dead, {}, { Labels: { 'io.jobgate.version': '1' } });
    engine.addNetwork(2, dead, {}, { Internal: false });
    engine.addNetwork(3, dead, {}, { Driver: 'macvlan' });
    engine.addNetwork(4, dead, {}, { Name: 'production' });
    engine.addNetwork(5, dead, {}, { Options: { 'com.docker.network.bridge.name': 'br0' } });
    engine.addNetwork(6, dead, {}, { Options: null, IPAM: null });
    engine.addNetwork(7, dead, { owner: { ...dead.ref, netns: '1' } });
    engine.addNetwork(8, dead, { owner: { ...dead.ref, boot: '00000000-0000-4000-8000-000000000000' } });
    engine.addContainer('a', 'none', `jobgate-00000000${dead.id.slice(8)}-01234567`);
    const logger = { warn, info: vi.fn(), debug: vi.fn(), error: vi.fn() };
    expect(await sweep(engine.docker, { logger })).toEqual({
      networks: 0,
      containers: 0,
      unknown: 9,
      failed: 0,
    });
    expect(engine.removed).toEqual([]);
    expect(warn).toHaveBeenCalledTimes(6);
  });

  it.each([404, 409])('does not mind another sweep at the same things (%i)', async (statusCode) => {
    engine.addContainer('a', 'none', containerName(dead));
    engine.refusal = { statusCode, message: 'removal of container a is already in progress' };
    expect(await sweep(engine.docker)).toMatchObject({ containers: 0, failed: 0 });
  });
});
