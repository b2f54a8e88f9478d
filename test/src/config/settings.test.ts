import { describe, expect, it } from 'vitest';
import { SETTING_NAMES } from '../../../src/config/layer.js';
import type { Setting } from '../../../src/config/setting.js';
import { SETTINGS } from '../../../src/config/settings.js';
import { configFolder } from './loading.js';

const { load } = configFolder();

describe('the table of settings', () => {
  const all = SETTING_NAMES.map((name) => SETTINGS[name] as Setting);

  it('has each key, variable and flag once', () => {
    const every = (of: (setting: Setting | NonNullable<Setting['aliases']>[number]) => string | undefined) =>
      all.flatMap((setting) => [setting, ...(setting.aliases ?? [])]).flatMap((item) => of(item) ?? []);
    for (const names of [
      every(({ key }) => key?.toLowerCase()),
      every(({ env }) => env),
      every(({ flag }) => flag),
    ]) {
      expect(names).toEqual([...new Set(names)]);
    }
  });

  it('has defaults that its own kinds accept', () => {
    for (const { key, kind, default: value } of all) {
      if (value === undefined || value === null) continue;
      expect(kind.schema.safeParse(value).success || typeof value === 'number', key).toBe(true);
    }
  });

  it('can be set by every variable that it names', async () => {
    const values: Record<string, string> = {
      JOBGATE_REJECT_NETWORKED_JOBS: 'true',
      JOBGATE_LIMIT_DNS_TIMEOUT: '2s',
      JOBGATE_LIMIT_CONNECTIONS_PER_SECOND: '7',
      JOBGATE_LIMIT_HEADER_BYTES: '32KiB',
      JOBGATE_ADD_HOSTS: 'a.example.com:192.0.2.1,b.example.com:[2001:db8::1]',
      JOBGATE_SUBNET_POOL: '10.99.0.0/16',
      JOBGATE_CHECK_TUNNELS: '0',
    };
    expect(await load({ env: values })).toMatchObject({
      admission: { rejectNetworkedJobs: true },
      operator: {
        addHosts: [
          ['a.example.com', '192.0.2.1'],
          ['b.example.com', '2001:db8::1'],
        ],
        checkTunnels: false,
        limits: { dnsTimeoutMs: 2000, connectionsPerSecond: 7, headerBytes: 32_768 },
      },
      gateway: { subnetPool: { pool: '10.99.0.0/16' } },
    });
  });
});
