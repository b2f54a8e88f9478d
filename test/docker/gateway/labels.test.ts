import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromLabels, type NetworkRecord, toLabels } from '../../../docker/gateway/labels.js';

const RECORD: NetworkRecord = {
  owner: { id: '0123456789abcdef0123', boot: '8cb765e8-e95f-4ed5-9ad7-0f7a0a1b2c3d', netns: '4026531833' },
  kind: 'serve',
  job: 'job-1',
  execution: 'e-0.1_x',
  allow: ['example.com', '.example.org:8443', '[2001:db8::1]:8443'],
  rate: 10_000_000,
  port: 13128,
  created: new Date('2026-01-02T03:04:05.678Z'),
};

describe('labels of a network', () => {
  it('come back as they were written', () => {
    expect(fromLabels(toLabels(RECORD))).toEqual(RECORD);
    const { execution: _, ...without } = RECORD;
    const bounded = { ...RECORD, budget: { down: 5e9, hostUp: 1, slow: 1_000_000 } };
    expect(fromLabels(toLabels(bounded))).toEqual(bounded);
    const named = { ...RECORD, name: 'Wetter am Nordpol, stündlich ❄' };
    expect(fromLabels(toLabels(named))).toEqual(named);
    const bare = { ...without, rate: null, allow: [] };
    expect(fromLabels(toLabels(bare))).toEqual(bare);
  });

  it('hold no name but one that can be shown', () => {
    const labels = { ...toLabels(RECORD), 'io.jobgate.name': 'a\u001b[2J\nb' };
    expect(fromLabels(labels)).toEqual({ ...RECORD, name: 'a [2J b' });
    expect(fromLabels({ ...labels, 'io.jobgate.name': '\u202e' })).toEqual(RECORD);
  });

  it('are not ours without a version', () => {
    expect(fromLabels(undefined)).toBeUndefined();
    expect(fromLabels({})).toBeUndefined();
    const { 'io.jobgate.version': _, ...rest } = toLabels(RECORD);
    expect(fromLabels(rest)).toBeUndefined();
  });

  it.each([
    ['version', '2'],
    ['owner', '0123456789abcdef012'],
    ['owner', '../../0123456789abc'],
    ['boot', 'x'],
    ['netns', '-1'],
    ['kind', 'Run'],
    ['budget', ''],
    ['budget', 'down=0'],
    ['job', ''],
    ['job', 'a b'],
    ['job', 'a'.repeat(129)],
    ['execution', 'a\nb'],
    ['allow', 'example.com'],
    ['allow', '"example.com"'],
    ['allow', '[1]'],
    ['allow', '["a b"]'],
    ['allow', '["a\\u0000.com"]'],
    ['allow', '{"0":"example.com","length":1}'],
    ['rate', ''],
    ['rate', '0'],
    ['rate', '-1'],
    ['rate', '1e9'],
    ['rate', 'Infinity'],
    ['port', '0'],
    ['port', '65536'],
    ['port', '13128 '],
    ['created', 'yesterday'],
    ['created', '2026-99-02T03:04:05.678Z'],
  ])('are refused with %s = %j', (key, value) => {
    expect(fromLabels({ ...toLabels(RECORD), [`io.jobgate.${key}`]: value })).toEqual(expect.any(String));
  });

  it.each(Object.keys(toLabels(RECORD)).filter((key) => !/version|execution/.test(key)))(
    'are refused without %s',
    (key) => {
      const { [key]: _, ...rest } = toLabels(RECORD);
      expect(fromLabels(rest)).toEqual(expect.any(String));
    },
  );

  it('never throw, whatever is in them', () => {
    const keys = Object.keys(toLabels(RECORD));
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.oneof(fc.string(), fc.json(), fc.anything()), (key, value) => {
        const read = fromLabels({ ...toLabels(RECORD), [key]: value });
        if (read && typeof read !== 'string') expect(fromLabels(toLabels(read))).toEqual(read);
      }),
    );
  });
});
