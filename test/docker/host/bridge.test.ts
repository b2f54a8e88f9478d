import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { filtersSources } from '../../../docker/host/bridge.js';
import { Cleanup } from '../../support/cleanup.js';
import { projectRoot } from '../../support/engine.js';
import { connectNamespaces, createNamespace } from '../../support/namespace.js';

const HOST = '198.51.100.1';

/** Sends a datagram by a socket bound to the interface, as nobody, without a capability. */
const SEND = `use Socket; $) = '65534 65534'; $> = 65534; $< = 65534;
  socket(S, AF_INET, SOCK_DGRAM, 0); setsockopt(S, 1, 25, "eth0\\0") or die "bind: $!";
  for (1..5) { send(S, $ARGV[0], 0, sockaddr_in(9999, inet_aton('${HOST}'))) or die "send: $!"; select(undef, undef, undef, 0.1) }`;
/** Prints what arrives within two seconds. */
const LISTEN = `const s = require('dgram').createSocket('udp4').bind(9999, '${HOST}', () => {
    const child = require('child_process').execFile(process.argv[1], process.argv.slice(2), (error) => {
      if (error) { console.error(error.message); process.exit(1); }
      setTimeout(() => process.exit(), 500);
    });
  });
  s.once('message', (m) => console.log(String(m)));`;
const CLOSE = `import { closeHostEnd } from '${projectRoot}docker/host/bridge.ts';
  if (process.argv[1]) process.setuid(65534);
  console.log(closeHostEnd('jgc-test')?.message ?? 'closed');`;

it.skipIf(spawnSync('unshare', ['--net', 'true']).status !== 0)(
  'a datagram of a socket that is bound to the job’s interface reaches the host, until its end is closed',
  async () => {
    await using cleanup = new Cleanup();
    const host = cleanup.use(await createNamespace());
    const job = cleanup.use(await createNamespace());
    const filter = (value: number) =>
      host.run(
        'sh',
        '-c',
        `for i in all default; do echo ${value} >/proc/sys/net/ipv4/conf/$i/rp_filter; done`,
      );
    await filter(0);
    await host.run('ip', 'link', 'add', 'jgc-test', 'type', 'bridge');
    await connectNamespaces(
      { ns: host, name: 'veth' },
      { ns: job, name: 'eth0', addresses: ['192.0.2.2/24'] },
    );
    await host.run('ip', 'link', 'set', 'veth', 'master', 'jgc-test');
    await host.run('ip', 'link', 'set', 'jgc-test', 'up');
    await host.run('ip', 'addr', 'add', `${HOST}/32`, 'dev', 'lo');
    const arrives = async (word: string) => {
      const { stdout } = await host.run(
        process.execPath,
        '-e',
        LISTEN,
        ...job.prefix,
        'perl',
        '-e',
        SEND,
        word,
      );
      return stdout.trim();
    };
    const close = async (...as: string[]) =>
      (
        await host.run(process.execPath, '--import', 'tsx', '--input-type=module', '-e', CLOSE, ...as)
      ).stdout.trim();

    expect(await arrives('open')).toBe('open');
    expect(await close('nobody')).toMatch(/^cannot set .*EACCES/);
    // Either kind of filter does, and is seen by who may not set it.
    await host.run('sh', '-c', 'echo 2 >/proc/sys/net/ipv4/conf/all/rp_filter');
    expect(await close('nobody')).toBe('closed');
    expect(await arrives('loose')).toBe('');
    await filter(0);
    expect(await arrives('open again')).toBe('open again');
    expect(await close()).toBe('closed');
    expect(await arrives('closed')).toBe('');
  },
);

it.each([
  ['0', '0', false],
  ['1', '0', true],
  ['0', '1', true],
  ['2', '0', true],
  ['0', '2', true],
  ['0', undefined, false],
])('with rp_filter %s for all and %s for the bridge, sources are filtered: %s', (all, own, filtered) => {
  const settings = mkdtempSync(join(tmpdir(), 'jobgate-settings-'));
  try {
    for (const [name, value] of [
      ['all', all],
      ['jgc-test', own],
    ] as const) {
      if (value === undefined) continue;
      mkdirSync(join(settings, name));
      writeFileSync(join(settings, name, 'rp_filter'), `${value}\n`);
    }
    expect(filtersSources('jgc-test', settings)).toBe(filtered);
  } finally {
    rmSync(settings, { recursive: true });
  }
});
