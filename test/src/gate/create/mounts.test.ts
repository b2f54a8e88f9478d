import { describe, expect, it } from 'vitest';
import { readBinds, readMounts, volumeName, type WantedMounts } from '../../../../src/gate/create/mounts.js';

const nothing = (): WantedMounts => ({ host: [], volumes: [], binds: [], mounts: [] });
const binds = (...given: unknown[]) => {
  const wanted = nothing();
  readBinds(given, 'Binds', wanted);
  return wanted;
};
const mounts = (...given: unknown[]) => {
  const wanted = nothing();
  readMounts(given, 'Mounts', wanted);
  return wanted;
};

describe('a bind', () => {
  it.each(['/x', 'v:/x', 'v:/x:', 'v:/x:rw', 'v:/x:nocopy,private', 'v_1.a-b:/x..y/z'])(
    '%s is passed on',
    (bind) => {
      expect(binds(bind).binds).toEqual([bind]);
    },
  );

  it.each([
    ['/a:/b', false],
    ['/a:/b:rw,rprivate', false],
    ['/a:/b:cached,ro', true],
  ])('%s is of the node', (bind, readOnly) => {
    expect(binds(bind)).toEqual({ ...nothing(), host: [{ source: '/a', target: '/b', readOnly }] });
  });

  it.each([
    ['x', 'Binds[0]: "x" is no absolute path in the container'],
    ['v:x', 'Binds[0]: "x" is no absolute path in the container'],
    ['v:/x/../etc', 'Binds[0]: "/x/../etc" is no absolute path in the container'],
    ['/a:/b:ro:x', 'Binds[0]: "/a:/b:ro:x" has too many colons: write SOURCE:TARGET[:ro]'],
    ['/a:/b:shared', 'Binds[0]: option "shared" is not for clients of the gate: write ro or rw'],
    ['/a:/b:ro,z', 'Binds[0]: option "z" is not for clients of the gate: write ro or rw'],
    ['./a:/b', 'Binds[0]: "./a" is neither an absolute path nor the name of a volume'],
    [':/b', 'Binds[0]: "" is neither an absolute path nor the name of a volume'],
    ['jobgate-x:/b', 'Binds[0]: "jobgate-x" is neither an absolute path nor the name of a volume'],
    [5, 'Binds[0] must be text, not 5'],
  ])('%s is refused', (bind, problem) => {
    expect(() => binds(bind)).toThrow(`jobgate: ${problem}`);
  });

  it('may be none', () => {
    const wanted = nothing();
    for (const none of [undefined, null]) readBinds(none, 'Binds', wanted);
    expect(wanted).toEqual(nothing());
  });
});

describe('a mount', () => {
  it.each([
    { Type: 'volume', Target: '/x' },
    { Type: 'volume', Source: '', Target: '/x', ReadOnly: true },
    { Type: 'tmpfs', Source: '', Target: '/x', TmpfsOptions: { SizeBytes: 5, Mode: 0o700 } },
    { Type: 'tmpfs', Target: '/x', Consistency: 'cached' },
  ])('%j has no source, and is passed on', (mount) => {
    expect(mounts(mount)).toEqual({ ...nothing(), mounts: [mount] });
  });

  it('is of a volume with its labels, without what clients say of its driver', () => {
    const VolumeOptions = { NoCopy: true, Labels: { a: 'b' }, DriverConfig: { Name: 'local', Options: {} } };
    const { NoCopy, Labels } = VolumeOptions;
    const mount = { Type: 'volume', Source: 'v', Target: '/x' };
    expect(mounts({ ...mount, VolumeOptions })).toEqual({
      ...nothing(),
      volumes: [{ volume: 'v', labels: { a: 'b' } }],
      mounts: [{ ...mount, VolumeOptions: { NoCopy, Labels } }],
    });
    expect(mounts({ ...mount, VolumeOptions: null }).volumes).toEqual([{ volume: 'v', labels: {} }]);
  });

  it.each([undefined, null, {}, { Propagation: 'private', NonRecursive: true, CreateMountpoint: false }])(
    'is of the node, with options %j',
    (BindOptions) => {
      const mount = { Type: 'bind', Source: '/a', Target: '/b', BindOptions };
      const host = (readOnly: boolean) => ({
        ...nothing(),
        host: [{ source: '/a', target: '/b', readOnly }],
      });
      expect(mounts(mount)).toEqual(host(false));
      expect(mounts({ ...mount, ReadOnly: true })).toEqual(host(true));
    },
  );

  const bind = { Type: 'bind', Source: '/a', Target: '/b' };
  const volume = { Type: 'volume', Source: 'v', Target: '/x' };
  it.each([
    ['text', 'Mounts[0] must be an object'],
    [null, 'Mounts[0] must be an object'],
    [{ Source: '/a', Target: '/x' }, 'Mounts[0].Type: a mount is a bind, volume or tmpfs'],
    [{ ...bind, Type: 'npipe' }, 'Mounts[0].Type: a mount is a bind, volume or tmpfs, not "npipe"'],
    [{ ...bind, Target: 'x' }, 'Mounts[0]: "x" is no absolute path in the container'],
    [{ ...bind, Target: undefined }, 'Mounts[0]: "" is no absolute path in the container'],
    [{ Type: 'tmpfs', Source: '/a', Target: '/x' }, 'Mounts[0].Source: a tmpfs has none'],
    [
      { ...bind, BindOptions: { Propagation: 'rshared' } },
      'Mounts[0].BindOptions.Propagation: mounts stay in their container: write rprivate, not "rshared"',
    ],
    [
      { ...bind, BindOptions: { CreateMountpoint: true } },
      'Mounts[0].BindOptions.CreateMountpoint: what is mounted is there already',
    ],
    [{ ...bind, BindOptions: { Hole: 1 } }, 'Mounts[0].BindOptions.Hole is not known here: leave it out'],
    [
      { ...volume, VolumeOptions: { DriverConfig: { Name: 'nfs' } } },
      'Mounts[0].VolumeOptions.DriverConfig.Name: volumes are local, not "nfs"',
    ],
    [
      { ...volume, VolumeOptions: { DriverConfig: { Options: { device: '/etc' } } } },
      'Mounts[0].VolumeOptions.DriverConfig.Options: a volume has no options here',
    ],
    [
      { ...volume, Source: '../x' },
      'Mounts[0].Source: "../x" is neither an absolute path nor the name of a volume',
    ],
    [{ ...volume, VolumeOptions: { Subpath: 'x' } }, 'Mounts[0].VolumeOptions.Subpath is not known here'],
    [
      { Type: 'tmpfs', Target: '/x', TmpfsOptions: { Options: [['exec']] } },
      'Mounts[0].TmpfsOptions.Options is not known here',
    ],
  ])('%j is refused', (mount, problem) => {
    expect(() => mounts(mount)).toThrow(`jobgate: ${problem}`);
  });

  it('is in a list, or in none', () => {
    const wanted = nothing();
    for (const none of [undefined, null]) readMounts(none, 'Mounts', wanted);
    expect(wanted).toEqual(nothing());
    expect(() => readMounts({}, 'Mounts', wanted)).toThrow('jobgate: Mounts must be a list');
  });
});

it.each(['a', `a${'b'.repeat(254)}`])('%s is the name of a volume', (name) => {
  expect(volumeName(name, 'Name')).toBe(name);
});
it.each(['', '-a', `a${'b'.repeat(255)}`, 'a b', 'jobgate-a'])('%s is none', (name) => {
  expect(() => volumeName(name, 'Name')).toThrow(/^jobgate: Name: .* is neither/);
});
