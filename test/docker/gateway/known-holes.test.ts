import { expect, it } from 'vitest';
import { knownHoles } from '../../../docker/gateway/known-holes.js';

const ids = (version: string) => knownHoles(version).map(({ id }) => id);

it('knows which engine versions have which holes', () => {
  expect(ids('20.10.24+dfsg1')).toEqual(['CVE-2024-29018', 'CVE-2025-54410', 'CVE-2025-54388']);
  expect(ids('23.0.11')).not.toContain('CVE-2024-29018');
  expect(ids('25.0.13')).toEqual([]);
  expect(ids('26.1.5')).toEqual(['CVE-2025-54410', 'CVE-2025-54388']);
  expect(ids('28.3.3')).toEqual([]);
  expect(ids('29.0.0')).toEqual([]);
  expect(ids('19.03.8')).toContain('CVE-2020-13401');
  expect(ids('19.03.11')).not.toContain('CVE-2020-13401');
});
