import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imageProblem } from '../../admission/image-reference.js';
import { parseJobSpec } from '../../admission/job-spec.js';
import { growth } from '../support/growth.js';

const hex = (digits: number) => 'a1'.repeat(digits / 2);

describe('a reference to an image', () => {
  it.each([
    'alpine',
    'alpine:3.20',
    'alpine:latest@sha256:'.concat(hex(64)),
    'library/alpine',
    'a/b/c/d',
    'a.b_c__d---e/f',
    'example.com/a',
    'example.com:5000/a:B_.-c',
    'EXAMPLE.com/a',
    'LOCAL/a',
    'my_registry.local/a',
    'localhost/a',
    'localhost:5000/a',
    '127.0.0.1:5000/small:1',
    '[2001:db8::1]:5000/a',
    'xn--n3h.com/a',
    `a@sha512:${hex(128)}`,
    `a@other+b64:${hex(32)}`,
    '4bcff63911fc',
    hex(64),
    `sha256:${hex(64)}`,
    `a:${'t'.repeat(128)}`,
    'a'.repeat(255),
  ])('is fine: %s', (reference) => expect(imageProblem(reference)).toBeUndefined());

  it.each([
    'get?names=X&x=',
    'a?x',
    'a#b',
    'a b',
    ' a',
    'a\n',
    'a%2f',
    '../a',
    'a/../b',
    './a',
    '/a',
    'a/',
    'a//b',
    'a/.b',
    'Alpine',
    'example.com/Alpine',
    'a..b',
    'a___b',
    'a._b',
    'a-',
    '-a',
    '_a',
    'é',
    'a:',
    'a:.b',
    'a:-b',
    'a:b:c',
    `a:${'t'.repeat(129)}`,
    'a'.repeat(256),
    'a@',
    'a@sha256:',
    `a@sha256:${hex(62)}`,
    `a@sha256:${hex(64).toUpperCase()}`,
    `a@sha256:${hex(64)}?`,
    `a@sha256:${hex(64)}@sha256:${hex(64)}`,
    `a@x:${hex(30)}`,
    'example.com:port/a',
    'example.com:/a',
    '-example.com/a',
    'example-.com/a',
    'a..com/a',
    '[::1/a',
    '[g]:1/a',
    '@',
    ':',
    '',
  ])('is none: %j', (reference) => expect(imageProblem(reference)).toMatch(/^is no image: /));

  it('that is fine holds nothing that a path or a query would read', () => {
    const near = fc.string({ unit: fc.constantFrom(...'ab0A./:@_-[]?&=%# \n\\'), maxLength: 40 });
    fc.assert(
      fc.property(near, (text) => {
        if (imageProblem(text) === undefined) expect(text).toMatch(/^[A-Za-z0-9_.:@[\]/-]+$/);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each(['a', 'a-', 'a.', '-', '/', ':', '@', 'a/', '[:', 'a:b@'])(
    'is read in time that grows with its length: %j',
    async (piece) => {
      const reads = (size: number) => {
        const text = `${piece.repeat(size / piece.length)}?`;
        return () => imageProblem(text);
      };
      expect(await growth(reads, 400_000, 800_000)).toBeLessThan(3.5);
    },
  );

  it('is judged where specs are read, for a run and for admission', () => {
    const spec = (Image: string) => ({ Tasks: [{ Engine: { Type: 'docker', Params: { Image } } }] });
    for (const purpose of ['run', 'admission'] as const) {
      expect(parseJobSpec(spec('alpine'), { purpose })).toMatchObject({ ok: true });
      expect(parseJobSpec(spec('get?names=X&x='), { purpose })).toMatchObject({
        problems: [{ path: 'Tasks[0].Engine.Params.Image', problem: expect.stringMatching(/^is no image/) }],
      });
      const old = { APIVersion: 'V1beta2', Spec: { Engine: 'Docker', Docker: { Image: '../x' } } };
      expect(parseJobSpec(old, { purpose })).toMatchObject({
        problems: [{ path: 'Spec.Docker.Image', problem: expect.stringMatching(/^is no image/) }],
      });
    }
  });
});
