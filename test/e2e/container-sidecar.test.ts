import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { defaultGatewayImage } from '../../docker/image/gateway-image.js';
import type { Finding } from '../../src/doctor/finding.js';
import { Cleanup } from '../support/cleanup.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';
import { projectRoot } from '../support/engine.js';
import { compose } from '../support/gate-clients.js';
import { type Internet, startInternet } from '../support/internet.js';

const SOCKET = (process.env.DOCKER_HOST ?? '').replace('unix://', '') || '/var/run/docker.sock';

interface ComposeService {
  readonly read_only: boolean;
  readonly cap_drop: string[];
  readonly cap_add?: string[];
  readonly user: string;
  readonly network_mode?: string;
  readonly security_opt: string[];
  readonly environment: Record<string, string>;
  readonly pids_limit: number;
}

/** The compose plugin may be missing: its file as options of `docker run`. */
function options(service: 'host' | 'container', folder: string): string[] {
  const file = parse(readFileSync(`${projectRoot}docker/deploy/compose.yaml`, 'utf8'), { merge: true });
  const it = file.services[service] as ComposeService;
  const each = (flag: string, values: readonly string[] = []) => values.flatMap((value) => [flag, value]);
  const environment = { ...it.environment, JOBGATE_GATEWAY_IMAGE: defaultGatewayImage() };
  return [
    ...(it.read_only ? ['--read-only'] : []),
    ...(it.network_mode ? ['--network', it.network_mode] : []),
    ...['--user', it.user, '--pids-limit', String(it.pids_limit)],
    ...each('--cap-drop', it.cap_drop),
    ...each('--cap-add', it.cap_add),
    ...each('--security-opt', it.security_opt),
    ...each(
      '-e',
      Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ),
    ...(service === 'container' ? ['--group-add', String(statSync(SOCKET).gid)] : []),
    ...['-v', `${SOCKET}:/var/run/docker.sock`, '-v', `${folder}:/run/jobgate`],
  ];
}

describeE2e.each(['host', 'container'] as const)(
  'jobgate in a container, gateways of placement %s',
  (service) => {
    const cleanup = new Cleanup();
    let net: Internet;
    let folder: string;
    beforeAll(async () => {
      net = cleanup.use(await startInternet({ hosts: { 'example.com': {} } }));
      folder = mkdtempSync(join(tmpdir(), 'jobgate-sidecar-'));
      cleanup.add(() => rmSync(folder, { recursive: true }));
      if (service === 'container') chownSync(folder, 10213, 10213);
    });
    afterAll(() => cleanup[Symbol.asyncDispose]());

    it('runs a job that reaches its domain and nothing else', async () => {
      const ask = (url: string) => `curl -sS -m 5 -o /dev/null -w '%{http_code} ' ${url};`;
      const script = `${ask('http://example.com/')} ${ask('http://other.test/')}
      ${ask("--noproxy '*' http://example.com/")}
      curl -sS -m 5 --noproxy '*' http://${net.addresses['example.com']}/ 2>/dev/null || echo none`;
      const ran = await run('docker', [
        ...['run', '--rm', ...options(service, folder), defaultGatewayImage(), 'run', '--pull', 'never'],
        ...[
          '--log-level',
          'info',
          '--dns',
          net.dns,
          '--domain',
          'example.com',
          JOB_IMAGE,
          'bash',
          '-c',
          script,
        ],
      ]);
      expect(ran.stdout, ran.stderr).toBe('200 403 200 none\n');
      expect(ran.stderr).toContain(`gateway placement: ${service}`);
    });

    it('comes up from the compose file as it is, with the group of the engine named in .env', async (context) => {
      const program = await compose();
      if (!program) return context.skip();
      const project = mkdtempSync(join(tmpdir(), 'jobgate-compose-'));
      cleanup.add(() => rmSync(project, { recursive: true }));
      // Debian's Compose is older than the one word, and leaves it to the engine to know the other.
      const file = readFileSync(`${projectRoot}docker/deploy/compose.yaml`, 'utf8')
        .replace(/^name: .*$/m, '')
        .replace(', systempaths=unconfined', '');
      const lacking = service === 'host' ? ['bridge settings'] : [];
      writeFileSync(join(project, 'compose.yaml'), file);
      const name = `jobgate-test-${randomBytes(4).toString('hex')}`;
      const composed = (...args: string[]) =>
        run(program, ['-p', name, '-f', 'compose.yaml', '--profile', service, ...args], { cwd: project });
      const asked = await composed('config');
      expect(asked).toMatchObject({
        stderr: expect.stringMatching(/DOCKER_GID.*name the group of the socket .* in \.env/),
      });
      expect(asked.code).not.toBe(0);

      const [, version = ''] = defaultGatewayImage().split(':');
      const settings = { DOCKER_GID: statSync(SOCKET).gid, DOCKER_SOCKET: SOCKET, JOBGATE_VERSION: version };
      writeFileSync(
        join(project, '.env'),
        Object.entries(settings)
          .map(([key, value]) => `${key}=${value}\n`)
          .join(''),
      );
      for (const one of ['run', 'state']) {
        mkdirSync(join(project, one), { mode: 0o755 });
        if (service === 'container') chownSync(join(project, one), 10213, 10213);
      }
      try {
        const up = await composed('up', '-d');
        expect(up.code, up.stderr).toBe(0);
        await expect
          .poll(async () => (await composed('exec', '-T', service, 'jobgate', 'ps')).code, {
            interval: 500,
            timeout: 30_000,
          })
          .toBe(0);
        const doctor = await composed('exec', '-T', service, 'jobgate', 'doctor', '--json');
        const findings = JSON.parse(doctor.stdout) as Finding[];
        const failing = findings.filter(
          ({ status, placement }) => status === 'fail' && placement === service,
        );
        expect(
          failing.map(({ check }) => check),
          doctor.stdout,
        ).toEqual(lacking);
        expect(doctor.code).toBe(lacking.length > 0 ? 125 : 0);
        expect(statSync(join(project, 'run/jobgate.sock')).isSocket()).toBe(true);
      } finally {
        await composed('down', '-t', '15');
      }
    });

    it('is healthy as a sidecar, and sees what it can enforce', async () => {
      const name = `jobgate-test-${randomBytes(4).toString('hex')}`;
      cleanup.add(() => docker('rm', '-f', name).catch(() => {}));
      await docker('run', '-d', '--name', name, ...options(service, folder), defaultGatewayImage(), 'serve');
      const health = () =>
        run('docker', ['exec', name, 'node', '/opt/jobgate/dist/docker/image/healthcheck.js']);
      await expect.poll(async () => (await health()).code, { interval: 300 }).toBe(0);
      const doctor = JSON.parse((await run('docker', ['exec', name, 'jobgate', 'doctor', '--json'])).stdout);
      const failing = doctor.filter((finding: { status: string }) => finding.status === 'fail');
      expect(
        failing.filter((finding: { placement?: string }) => (finding.placement ?? service) === service),
      ).toEqual([]);
      await docker('stop', '-t', '15', name);
      expect(await docker('inspect', '-f', '{{.State.ExitCode}}', name)).toMatch(/^(0|143)$/);
    });
  },
);
