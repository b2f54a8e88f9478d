import { expect, it } from 'vitest';
import { MAX_HOSTS } from '../../../../proxy/report/figures.js';
import { Registrables, registrable } from '../../../../src/service/overview/registrable.js';

it('the domain of a host is looked up once, however often it is asked for, and a bounded number is kept', () => {
  const lookedUp: string[] = [];
  const domains = new Registrables((host) => {
    lookedUp.push(host);
    return registrable(host);
  });
  for (let i = 0; i < 3; i++) expect(domains.of('a.evil.test')).toBe('evil.test');
  expect(lookedUp).toEqual(['a.evil.test']);
  for (let i = 0; i <= MAX_HOSTS; i++) domains.of(`${i}.evil.test`);
  expect(domains.of('a.evil.test')).toBe('evil.test');
  expect(lookedUp.filter((host) => host === 'a.evil.test')).toHaveLength(2);
});
