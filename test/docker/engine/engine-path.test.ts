import type Dockerode from 'dockerode';
import { expect, it } from 'vitest';
import { enginePaths } from '../../../docker/engine/engine-path.js';

const ID = 'c'.repeat(64);
const OUTSIDE = '24 30 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n';
const INSIDE = `${OUTSIDE}912 890 254:1 /var/lib/docker/containers/${ID}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda1 rw\n`;

const engine = (Mounts: readonly { Source: string; Destination: string }[] | undefined) =>
  ({
    getContainer: (id: string) => ({
      inspect: async () => {
        if (id !== ID || !Mounts) throw new Error('no such container');
        return { Mounts };
      },
    }),
  }) as unknown as Dockerode;

it('is the same on the host', async () => {
  expect((await enginePaths(engine(undefined), OUTSIDE))('/run/jobgate/a')).toBe('/run/jobgate/a');
});

it('is in the source of the mount, where this process is in a container of the engine', async () => {
  const paths = await enginePaths(engine([{ Source: '/srv/run', Destination: '/run/jobgate' }]), INSIDE);
  expect(paths('/run/jobgate/a')).toBe('/srv/run/a');
  expect(paths('/run/jobgate-other/a')).toBeUndefined();
  expect(paths('/opt/jobgate/a')).toBeUndefined();
});

it('is nowhere, where this process is in a container of another engine', async () => {
  expect((await enginePaths(engine(undefined), INSIDE))('/run/jobgate/a')).toBeUndefined();
});
