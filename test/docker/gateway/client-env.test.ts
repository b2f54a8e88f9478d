import { describe, expect, it } from 'vitest';
import { clientEnv } from '../../../docker/gateway/client-env.js';

const PROXY = 'http://10.0.0.1:13128';

describe('environment of a job behind its proxy', () => {
  it('sets every spelling of the proxy variables, with a scheme', () => {
    const { env } = clientEnv(PROXY);
    for (const name of ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']) {
      expect(new URL(env[name] as string).host, name).toBe('10.0.0.1:13128');
    }
    expect(env.NODE_USE_ENV_PROXY).toBe('1');
    expect(env.JOBGATE).toBe('1');
  });

  it('keeps only loopback out of the proxy', () => {
    const { env } = clientEnv(PROXY);
    expect(env.no_proxy).toBe('localhost,127.0.0.1,::1');
    expect(env.NO_PROXY).toBe(env.no_proxy);
  });

  it("overrides the job's own proxy variables and says so, and keeps the rest", () => {
    const { env, overridden } = clientEnv(PROXY, {
      A: 'b',
      https_proxy: 'http://192.0.2.1:1',
      NO_PROXY: '*',
    });
    expect(env.A).toBe('b');
    expect(env.https_proxy).toBe(PROXY);
    expect(overridden).toEqual(['https_proxy', 'NO_PROXY']);
  });

  it("appends to the job's Java options, and can leave them alone", () => {
    const own = { JAVA_TOOL_OPTIONS: '-Xmx1g' };
    expect(clientEnv(PROXY, own).env.JAVA_TOOL_OPTIONS).toBe(
      '-Xmx1g -Dhttp.proxyHost=10.0.0.1 -Dhttp.proxyPort=13128 -Dhttps.proxyHost=10.0.0.1 -Dhttps.proxyPort=13128',
    );
    expect(clientEnv(PROXY, own, { java: false }).env.JAVA_TOOL_OPTIONS).toBe('-Xmx1g');
  });
});
