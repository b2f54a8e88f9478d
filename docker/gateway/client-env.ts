type Variables = Readonly<Record<string, string>>;

/** What a job's own value had to give way to, for the log. */
export interface ClientEnv {
  /** The whole environment of the container, the job's own part included; not what is the image's alone. */
  readonly env: Variables;
  /** Names that the job had set itself and that were overridden. */
  readonly overridden: readonly string[];
}

interface ClientEnvOptions {
  /** The image's own environment, for what is appended to. Default: none. */
  readonly image?: Variables;
  /** Whether a program that knows of no proxy gets to what the job declared as well. Default false. */
  readonly namesServed?: boolean;
  /**
   * Set JAVA_TOOL_OPTIONS (the JVM reads no proxy variables) and NODE_USE_ENV_PROXY. Both print a line on stderr for it
   * (`Picked up …`, `UNDICI-EHPA`). Default: unless names are served, where nothing needs them.
   */
  readonly runtimes?: boolean;
}

const LOOPBACK = ['localhost', '127.0.0.1', '::1'];

/**
 * The environment that makes the usual clients use the job's proxy.
 *
 * Values carry the scheme (`new URL('192.0.2.1:80')` throws in clients), both letter cases (curl and BusyBox read
 * only the lower-case `http_proxy`, others only upper case), and ALL_PROXY is the http URL as well (a socks one
 * breaks clients that lack the package). aiohttp asks for `ws_proxy` and `wss_proxy`.
 *
 * NO_PROXY names loopback only, and what the job or its image say but for `*`: with private ranges in it clients would
 * go direct, and fail.
 *
 * @param own what the job itself sets; its proxy variables are overridden, `no_proxy` and JAVA_TOOL_OPTIONS appended to.
 */
export function clientEnv(proxyUrl: string, own: Variables = {}, options: ClientEnvOptions = {}): ClientEnv {
  const { image = {}, namesServed = false, runtimes = !namesServed } = options;
  const wanted = ['no_proxy', 'NO_PROXY'].flatMap((name) => hostsOf(own[name] ?? image[name]));
  const kept = wanted.filter((host) => host !== '*');
  const direct = new Set([...LOOPBACK, ...kept]);
  const noProxy = [...direct].join(',');
  const ours: Record<string, string> = {
    http_proxy: proxyUrl,
    https_proxy: proxyUrl,
    HTTP_PROXY: proxyUrl,
    HTTPS_PROXY: proxyUrl,
    ws_proxy: proxyUrl,
    wss_proxy: proxyUrl,
    all_proxy: proxyUrl,
    ALL_PROXY: proxyUrl,
    no_proxy: noProxy,
    NO_PROXY: noProxy,
    JOBGATE: '1',
    ...(runtimes && { NODE_USE_ENV_PROXY: '1' }),
  };
  const lost = (name: string) =>
    name.toLowerCase() === 'no_proxy'
      ? hostsOf(own[name]).some((host) => !direct.has(host))
      : own[name] !== ours[name];
  const overridden = Object.keys(ours).filter((name) => own[name] !== undefined && lost(name));
  const java = own.JAVA_TOOL_OPTIONS ?? image.JAVA_TOOL_OPTIONS;
  // Where there is one already its line is printed, and a proxy in it would be another than ours.
  const needsJava = runtimes || (options.runtimes === undefined && java !== undefined);
  return {
    env: {
      ...own,
      ...ours,
      ...(needsJava && { JAVA_TOOL_OPTIONS: [java, ...javaOptions(proxyUrl)].filter(Boolean).join(' ') }),
    },
    overridden,
  };
}

function hostsOf(list = ''): string[] {
  return list.split(/[\s,]/).filter((host) => host !== '');
}

function javaOptions(proxyUrl: string): string[] {
  const { hostname, port } = new URL(proxyUrl);
  return ['http', 'https'].map((scheme) => `-D${scheme}.proxyHost=${hostname} -D${scheme}.proxyPort=${port}`);
}
