import { describe, expect, it } from 'vitest';
import { createAdmission } from '../../admission/admission.js';
import type { Rule, Verdict } from '../../admission/rule.js';
import { growth } from '../support/growth.js';
import { jobOn, parse, spec } from './jobs.js';

function rule(
  name: string,
  verdict: () => Verdict | Promise<Verdict>,
  probe = false,
): Rule & { asked: number } {
  return {
    name,
    probe,
    asked: 0,
    decide() {
      this.asked++;
      return verdict();
    },
  };
}

const yes = () => ({ shouldBid: true, reason: 'yes' });
const no = () => ({ shouldBid: false, reason: 'no' });
const job = jobOn('HTTP', 'example.com');

describe('the chain', () => {
  it('asks every rule, and joins the refusals as the reference does', async () => {
    const other = () => ({ shouldBid: false, reason: 'neither' });
    const rules = [rule('a', yes), rule('b', no), rule('c', yes), rule('d', other, true)];
    await using admission = createAdmission({ rules });
    expect(await admission.decide(job)).toEqual({ shouldBid: false, reason: 'no; neither' });
    expect(rules.map(({ asked }) => asked)).toEqual([1, 1, 1, 1]);
  });

  it('joins all reasons of an acceptance, those of own rules included', async () => {
    await using admission = createAdmission({ rules: [rule('a', yes), rule('b', async () => yes())] });
    expect((await admission.decide(job)).reason).toMatch(/^this node does accept jobs .*; yes; yes$/);
  });

  it('asks own rules after the built-in ones and before the probes', async () => {
    await using admission = createAdmission({
      allowedDomains: ['example.com'],
      probeExec: 'exit 0',
      probeHttp: 'http://127.0.0.1:1/',
      rules: [rule('own', no)],
    });
    expect(admission.rules).toEqual([
      'requested-network',
      'networked',
      'stateless',
      'allowed-domains',
      'mounts',
      'locality',
      'own',
      'exec probe',
      'HTTP probe',
    ]);
    expect((await admission.decide(job)).reason).toMatch(/^no; .* its HTTP probe cannot be asked/);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('boom'))],
    ['answers nothing', () => undefined as unknown as Verdict],
    ['answers something like yes', () => ({ shouldBid: 'yes', reason: '' }) as unknown as Verdict],
  ])('refuses where an own rule %s', async (_, verdict) => {
    await using admission = createAdmission({ rules: [rule('odd', verdict)] });
    const { shouldBid, reason } = await admission.decide(job);
    expect(shouldBid).toBe(false);
    expect(reason).toContain('odd');
  });

  it('closes its rules', async () => {
    let closed = 0;
    const own = { ...rule('a', yes), close: () => void closed++ };
    {
      await using admission = createAdmission({ rules: [own] });
      await admission.decide(job);
    }
    expect(closed).toBe(1);
  });
});

describe('an explanation', () => {
  it('has every rule in order with its answer', async () => {
    await using admission = createAdmission({
      rejectNetworkedJobs: true,
      rules: [rule('probe', yes, true), rule('later', yes)],
    });
    const answers = await admission.explain(job);
    expect(answers.map(({ rule: name, shouldBid }) => [name, shouldBid])).toEqual([
      ['requested-network', true],
      ['networked', false],
      ['stateless', true],
      ['mounts', true],
      ['locality', true],
      ['probe', true],
      ['later', true],
    ]);
  });
});

it('decides with a thousand domains about as fast as with ten', async () => {
  const given = spec({ Network: { Type: 'HTTP', Domains: ['a.d7.example.com', '.d9.example.com'] } });
  const decide = (domains: number) => {
    const admission = createAdmission({
      allowedDomains: Array.from({ length: domains }, (_, index) => `.d${index}.example.com`),
    });
    return async () => {
      for (let count = 0; count < 200; count++) {
        if (!(await admission.decide(parse(given))).shouldBid) throw new Error('refused');
      }
    };
  };
  expect(await growth(decide, 10, 1_000)).toBeLessThan(5);
});
