import { expect, it, vi } from 'vitest';
import { LockdownError } from '../../../docker/engine/errors.js';
import { HostEnds } from '../../../docker/gateway/host-ends.js';

const logger = () => ({ warn: vi.fn(), info: vi.fn(), debug: vi.fn(), error: vi.fn() });

it('says once where an end stays open, and what closes it', () => {
  const log = logger();
  const ends = new HostEnds({ isHere: () => true, close: () => new Error('EACCES') });
  for (const bridge of ['jgc1', 'jgc2']) ends.close(bridge, log);
  expect(log.warn.mock.calls).toEqual([
    [
      { bridge: 'jgc1', error: 'EACCES' },
      expect.stringContaining('sysctl -w net.ipv4.conf.default.rp_filter=2'),
    ],
  ]);
});

it('says nothing of one that is closed, or elsewhere, and lets none pass that does not hold', () => {
  const log = logger();
  new HostEnds({ isHere: () => true, close: () => undefined }).close('jgc1', log);
  new HostEnds({ isHere: () => false, close: () => new Error('EACCES') }).close('jgc1', log);
  expect(log.warn).not.toHaveBeenCalled();
  const close = () => {
    throw new LockdownError('rp_filter does not stay 1');
  };
  expect(() => new HostEnds({ isHere: () => true, close }).close('jgc1', log)).toThrow('does not stay');
});
