/** What a job's own value had to give way to, for the log. */
export interface ClientEnv {
  /** The whole environment of the container, the job's own part included. */
  readonly env: Readonly<Record<string, string>>;
  /** Names that the job had set itself and that were overridden. */
  readonly overridden: readonly string[];
}

/**
 * The environment that makes the usual clients use the job's proxy.
 *
 * Values carry the scheme (`new URL('192.0.2.1:80')` throws in clients), both letter cases (curl and BusyBox read
 * only the lower-case `http_proxy`, others only upper case), and ALL_PROXY is the http URL as well (a socks one
 * breaks clients that lack the package). NO_PROXY names loopback only: with private ranges in it clients would go
 * direct, and fail.
 *
 * @param own what the job itself sets; its proxy variables are overridden.
 * @param java add JAVA_TOOL_OPTIONS: the JVM reads no proxy variables, but prints a line on stderr when this is set.
 */
export function clientEnv(
  proxyUrl: string,
  own: Readonly<Record<string, string>> = {},
  { java = true }: { java?: boolean } = {},
): ClientEnv {
  const loopback = 'localhost,127.0.0.1,::1';
  const ours: Record<string, string> = {
    http_proxy: proxyUrl,
    https_proxy: proxyUrl,
    HTTP_PROXY: proxyUrl,
    HTTPS_PROXY: proxyUrl,
    all_proxy: proxyUrl,
    ALL_PROXY: proxyUrl,
    no_proxy: loopback,
    NO_PROXY: loopback,
    NODE_USE_ENV_PROXY: '1',
    JOBGATE: '1',
  };
  const overridden = Object.keys(ours).filter((name) => own[name] !== undefined && own[name] !== ours[name]);
  const env = { ...own, ...ours };
  if (java) {
    const { hostname, port } = new URL(proxyUrl);
    const options = ['http', 'https'].map(
      (scheme) => `-D${scheme}.proxyHost=${hostname} -D${scheme}.proxyPort=${port}`,
    );
    env.JAVA_TOOL_OPTIONS = [own.JAVA_TOOL_OPTIONS, ...options].filter(Boolean).join(' ');
  }
  return { env, overridden };
}
