import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { isOwnCommand, isOwnUrl } from '../../../src/config/own-probe.js';
import { projectRoot } from '../../support/engine.js';

it.each([
  ['jobgate check --config /etc/a.yaml', ['/etc/a.yaml'], true],
  [
    '/usr/local/bin/jobgate check -c /etc/a.yaml --config=/etc/../etc/b.yaml',
    ['/etc/a.yaml', '/etc/b.yaml'],
    true,
  ],
  ['jobgate check --config /etc/a.yaml', ['/etc/b.yaml'], false],
  ['jobgate check --config /etc/a.yaml', [], false],
  ['jobgate check --config /etc/b.yaml --config /etc/a.yaml', ['/etc/a.yaml', '/etc/b.yaml'], false],
  ['jobgate check --config /etc/a.yaml --reject-host-network', ['/etc/a.yaml'], false],
  ['jobgate check --config /etc/a.yaml | tee /log', ['/etc/a.yaml'], false],
  ['jobgate check --config "$CONFIG"', ['/etc/a.yaml'], false],
  ['jobgate check --config', ['/etc/a.yaml'], false],
  ['jobgate run --config /etc/a.yaml', ['/etc/a.yaml'], false],
  ['my-jobgate check --config /etc/a.yaml', ['/etc/a.yaml'], false],
  ['/etc/probe.sh', ['/etc/a.yaml'], false],
])('%s, with %j, is jobgate itself: %s', (command, files, isOwn) => {
  expect(isOwnCommand(command, files)).toBe(isOwn);
});

it.each([
  ['http://127.0.0.1:13129/v1/admission', '127.0.0.1:13129', true],
  ['http://localhost:13129/v1/admission', '127.0.0.1:13129', true],
  ['http://[::1]:13129/v1/admission', '[::1]:13129', true],
  ['http://127.0.0.1:13130/v1/admission', '127.0.0.1:13129', false],
  ['http://127.0.0.1:13129/other', '127.0.0.1:13129', false],
  ['http://probe.example.com:13129/v1/admission', '127.0.0.1:13129', false],
  ['http://127.0.0.1:13129/v1/admission', 'unix:/run/jobgate/jobgate.sock', false],
])('%s, of a serve on %s, is jobgate itself: %s', (url, listen, isOwn) => {
  expect(isOwnUrl(url, listen)).toBe(isOwn);
});

it('so are the probes of the guide', () => {
  const guide = readFileSync(`${projectRoot}docs/bacalhau.md`, 'utf8');
  const [, command = ''] = /ProbeExec: (.*)$/m.exec(guide) ?? [];
  const started = /^ExecStart=.*jobgate serve.*$/m.exec(guide)?.[0] ?? '';
  const files = [...started.matchAll(/--config (\S+)/g)].map(([, file = '']) => file);
  expect(files).toHaveLength(2);
  expect(isOwnCommand(command, files)).toBe(true);
  const [, url = ''] = /`ProbeHTTP: ([^`]*)`/.exec(guide) ?? [];
  const [, listen = ''] = /Listen: "([\d.:]+)"/.exec(guide) ?? [];
  expect(isOwnUrl(url, listen)).toBe(true);
});
