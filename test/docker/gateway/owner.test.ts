import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  containerName,
  isOwnerRef,
  livenessOf,
  livenessOfId,
  openOwner,
  ownerOfContainerName,
} from '../../../docker/gateway/owner.js';

const OWNER = fileURLToPath(new URL('../../../docker/gateway/owner.ts', import.meta.url));

describe('an owner', () => {
  it('is alive from its opening to its end, and then dead', async () => {
    const owner = await openOwner('run');
    expect(isOwnerRef(owner.ref)).toBe(true);
    expect(await livenessOf(owner.ref, false)).toBe('alive');
    expect(await livenessOfId(owner.id)).toBe('alive');
    await owner.close();
    expect(await livenessOf(owner.ref, false)).toBe('dead');
    expect(await livenessOfId(owner.id)).toBe('dead');
  });

  it('is alive in another process until that is killed', async () => {
    const script = `import { openOwner } from ${JSON.stringify(OWNER)};
      const owner = await openOwner('run');
      setInterval(() => {}, 1000);
      console.log(JSON.stringify(owner.ref));`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    try {
      const [line] = await once(child.stdout, 'data');
      const ref = JSON.parse(String(line));
      expect(isOwnerRef(ref)).toBe(true);
      expect(await livenessOf(ref, true)).toBe('alive');
      // Stopped is not dead.
      child.kill('SIGSTOP');
      expect(await livenessOf(ref, true)).toBe('alive');
      child.kill('SIGKILL');
      await exited;
      expect(await livenessOf(ref, true)).toBe('dead');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('of another boot is dead if its bridge is here: the machine was booted since', async () => {
    await using owner = await openOwner('run');
    const other = { ...owner.ref, boot: '00000000-0000-4000-8000-000000000000' };
    expect(await livenessOf(other, true)).toBe('dead');
    expect(await livenessOf(other, false)).toBe('unknown');
  });

  it('in another network namespace cannot be asked', async () => {
    await using owner = await openOwner('run');
    expect(await livenessOf({ ...owner.ref, netns: '1' }, true)).toBe('unknown');
  });

  it('of another place, known by its id only, cannot be asked', async () => {
    await using owner = await openOwner('run');
    expect(await livenessOfId(`00000000${owner.id.slice(8)}`)).toBe('unknown');
    expect(await livenessOfId('x')).toBe('unknown');
  });

  it('does not keep a process from ending', async () => {
    const script = `import { openOwner } from ${JSON.stringify(OWNER)}; await openOwner('run');`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

describe('the name of a container', () => {
  it('tells its owner', async () => {
    await using owner = await openOwner('run');
    const name = containerName(owner);
    expect(name).not.toBe(containerName(owner));
    expect(ownerOfContainerName(name)).toBe(owner.id);
    expect(ownerOfContainerName(`/${name}`)).toBe(owner.id);
  });

  it.each([
    'jobgate',
    'jobgate-1-2',
    'x-jobgate-0123456789abcdef0123-01234567',
    'jobgate-0123456789abcdef0123-01234567-x',
  ])('of others, as %s, tells none', (name) => {
    expect(ownerOfContainerName(name)).toBeUndefined();
  });
});
