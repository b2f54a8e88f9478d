import Dockerode from 'dockerode';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCli } from '../support/cli.js';
import { describeE2e, docker, JOB_IMAGE, run } from '../support/e2e.js';

const IMAGE = `jobgate-test-hostile-${process.pid}`;
const OWNER = '0'.repeat(20);

const DOCKERFILE = `FROM ${JOB_IMAGE}
ENV http_proxy=http://192.0.2.1:8080 HTTPS_PROXY= NO_PROXY=* JAVA_TOOL_OPTIONS=-Dhttp.proxyHost=192.0.2.1
EXPOSE 8080
VOLUME /vol
STOPSIGNAL SIGSTOP
HEALTHCHECK --interval=100ms CMD echo checked >>/tmp/checked
LABEL io.jobgate.version=1 io.jobgate.kind=run io.jobgate.owner=${OWNER} io.jobgate.job=other
`;

describeE2e('an image that brings settings of its own', () => {
  const engine = () => new Dockerode();
  beforeAll(async () => {
    const built = await run('docker', ['build', '-q', '-t', IMAGE, '-'], { input: DOCKERFILE });
    expect(built).toMatchObject({ code: 0 });
  });
  afterAll(async () => void (await docker('rmi', '-f', IMAGE)));

  it('changes nothing of what the job gets', async () => {
    const volumes = async () => (await engine().listVolumes()).Volumes.map(({ Name }) => Name);
    const before = await volumes();
    const job = startCli([
      ...['run', '--pull', 'never', '--domain', 'example.com', IMAGE, 'bash', '-c'],
      'env; sleep 2; cat /tmp/checked; echo waiting; sleep 600 & wait',
    ]);
    try {
      await job.printed('waiting');
      const containers = await engine().listContainers({ filters: { ancestor: [IMAGE] } });
      expect(containers).toHaveLength(1);
      const { State, NetworkSettings } = await engine()
        .getContainer(containers[0]?.Id ?? '')
        .inspect();
      expect(State).not.toHaveProperty('Health');
      expect(
        Object.values(NetworkSettings.Ports ?? {})
          .flat()
          .filter(Boolean),
      ).toEqual([]);

      const env = Object.fromEntries(job.stdout.split('\n').map((line) => line.split(/=(.*)/s, 2)));
      expect(env.http_proxy).toMatch(/^http:\/\/10\./);
      expect(env.HTTPS_PROXY).toBe(env.http_proxy);
      expect(env.NO_PROXY).toBe('localhost,127.0.0.1,::1');
      // Of options that are there twice the JVM takes the last.
      expect(env.JAVA_TOOL_OPTIONS).toMatch(
        /^-Dhttp\.proxyHost=192\.0\.2\.1 -Dhttp\.proxyHost=(?!192\.0\.2)/,
      );
      expect(job.stdout).not.toContain('checked');
    } finally {
      job.child.kill('SIGTERM');
      // A signal to stop that stops nothing: the engine's SIGKILL comes after it.
      expect((await job.done).code).toBe(143);
    }
    expect(await engine().listContainers({ all: true, filters: { ancestor: [IMAGE] } })).toEqual([]);
    expect((await volumes()).filter((name) => !before.includes(name))).toEqual([]);
  });
});
