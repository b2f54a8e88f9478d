import { expect, it } from 'vitest';
import { usage } from '../../../src/gate/usage.js';

it("usage is of what is the client's own, also in words that engines of today add, and without those of tomorrow", async () => {
  const both = [{ Id: 'own' }, { Id: 'other' }];
  const volumes = [
    { Name: 'own', Id: 'x' },
    { Name: 'other', Id: 'x' },
  ];
  const all = {
    ...{ LayersSize: 1, Images: [{ Id: 'image' }], ImageUsage: { TotalCount: 1 }, Containers: both },
    ...{ ContainerUsage: { TotalCount: 2, TotalSize: 9, Items: both } },
    ...{ VolumeUsage: { TotalCount: 2, Items: volumes }, Tomorrow: both },
  };
  let said: unknown;
  const gate = {
    asks: { read: async () => all },
    own: {
      ready: async () => {},
      has: (id: string) => id === 'own',
      isVolume: ({ Name }: { Name: string }) => Name === 'own',
    },
    config: {},
  };
  const json = (_: number, value: unknown) => {
    said = value;
  };
  const exchange = { path: '/system/df', json };
  await usage(exchange as never, gate as never);
  expect(JSON.stringify(said)).not.toMatch(/other|TotalSize/);
  expect(said).toMatchObject({
    Images: [{ Id: 'image' }],
    ImageUsage: { TotalCount: 1 },
    Containers: [{ Id: 'own' }],
    ContainerUsage: { TotalCount: 1, Items: [{ Id: 'own' }] },
    VolumeUsage: { TotalCount: 1, Items: [{ Name: 'own' }] },
  });
});
