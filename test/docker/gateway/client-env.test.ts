import { describe, expect, it } from 'vitest';
import { clientEnv } from '../../../docker/gateway/client-env.js';

const PROXY = 'http://10.0.0.1:13128';

describe('environment of a job behind its proxy', () => {
  it('sets every spelling of the proxy variables, with a scheme', () => {
    const { env } = clientEnv(PROXY);
    for (const name of [
      'http_proxy',
      'https_proxy',
      'HTTP_PROXY',
      'HTTPS_PROXY',
      'all_proxy',
      'ALL_PROXY',
      'ws_proxy',
      'wss_proxy',
    ]) {
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
    expect(env.NO_PROXY).toBe('localhost,127.0.0.1,::1');
    expect(overridden).toEqual(['https_proxy', 'NO_PROXY']);
  });

  it("keeps the hosts that the job or its image would not ask the proxy for; the job's own go before the image's", () => {
    const own = { no_proxy: 'me, 0.0.0.0' };
    const image = { no_proxy: 'lost', NO_PROXY: '.inner,localhost' };
    const { env, overridden } = clientEnv(PROXY, own, { image });
    expect(env.no_proxy).toBe('localhost,127.0.0.1,::1,me,0.0.0.0,.inner');
    expect(env.NO_PROXY).toBe(env.no_proxy);
    expect(overridden).toEqual([]);
  });

  it("appends to the job's Java options, else to the image's, and can leave them alone", () => {
    const ours =
      '-Dhttp.proxyHost=10.0.0.1 -Dhttp.proxyPort=13128 -Dhttps.proxyHost=10.0.0.1 -Dhttps.proxyPort=13128';
    const own = { JAVA_TOOL_OPTIONS: '-Xmx1g' };
    const image = { JAVA_TOOL_OPTIONS: '-Xmx2g' };
    expect(clientEnv(PROXY, own, { image }).env.JAVA_TOOL_OPTIONS).toBe(`-Xmx1g ${ours}`);
    expect(clientEnv(PROXY, {}, { image }).env.JAVA_TOOL_OPTIONS).toBe(`-Xmx2g ${ours}`);
    expect(clientEnv(PROXY, own, { runtimes: false }).env.JAVA_TOOL_OPTIONS).toBe('-Xmx1g');
    // The engine keeps what is not overridden.
    expect(clientEnv(PROXY, {}, { image, runtimes: false }).env).not.toHaveProperty('JAVA_TOOL_OPTIONS');
  });

  it('leaves out what makes programs print where nothing needs it, unless asked for', () => {
    const quiet = clientEnv(PROXY, {}, { namesServed: true });
    expect(quiet.env).not.toHaveProperty('JAVA_TOOL_OPTIONS');
    expect(quiet.env).not.toHaveProperty('NODE_USE_ENV_PROXY');
    const options = { JAVA_TOOL_OPTIONS: '-Dhttp.proxyHost=192.0.2.1' };
    expect(clientEnv(PROXY, {}, { namesServed: true, image: options }).env.JAVA_TOOL_OPTIONS).toMatch(
      /^-Dhttp\.proxyHost=192\.0\.2\.1 -Dhttp\.proxyHost=10\.0\.0\.1 /,
    );
    expect(clientEnv(PROXY, {}, { namesServed: true, runtimes: true }).env.NODE_USE_ENV_PROXY).toBe('1');
  });
});
