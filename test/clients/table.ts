/** What a client is asked to do. `own`: the same as `grpc`, on a port that an entry of the job names. */
export type Case = 'http' | 'https' | 'ws' | 'wss' | 'grpc' | 'own';

export interface Client {
  readonly name: string;
  /** Shell; prints its version, and perhaps more. */
  readonly version: string;
  /** Shell; prints what `$URL` says, and fails where it says nothing. */
  readonly command: string;
  readonly cases: readonly Case[];
  /** Those for which it never reads the variables. Default none. */
  readonly direct?: readonly Case[];
}

const WEB = ['http', 'https'] as const;
const SOCKETS = ['ws', 'wss'] as const;
const ALL = ['http', 'https', 'ws', 'wss'] as const;

const NODE_FOLDER = '/clients/node_modules';
const node = (major: number) => `${NODE_FOLDER}/node-${major}/bin/node`;
const program = (file: string) => `/clients/programs/${file}`;
const GO = '/clients/bin/get';
const JAVA = '/usr/lib/jvm/java-17-openjdk-amd64/bin';
/** It has no list of its own that the test's authority could be in. */
const java = (more: string) =>
  `[ -e /tmp/trust ] || ${JAVA}/keytool -importcert -noprompt -alias test -file /etc/ssl/certs/ca-certificates.crt -keystore /tmp/trust -storepass changeit >&2 && ` +
  `${JAVA}/java -Djavax.net.ssl.trustStore=/tmp/trust -Djavax.net.ssl.trustStorePassword=changeit ${program('Get.java')} "$URL"${more}`;

/** A Python client, with the module that says its version. */
function python(
  name: string,
  file: string,
  module: string,
  cases: Client['cases'] = WEB,
  { more = '', direct = [] }: { more?: string; direct?: Client['cases'] } = {},
): Client {
  const version =
    module === ''
      ? 'python3 --version'
      : `python3 -c 'from importlib.metadata import version as v; print(v("${module}"))'`;
  return { name, version, command: `python3 ${program(file)} "$URL"${more}`, cases, direct };
}

/** A package of npm's, on the newest Node. */
function npm(name: string, file: string, from: string, cases: Client['cases'] = WEB, more = ''): Client {
  const version = `sed -n 's/.*"version": "\\(.*\\)".*/\\1/p' ${NODE_FOLDER}/${from}/package.json`;
  return { name, version, command: `${node(24)} ${program(file)} "$URL"${more}`, cases };
}

const ofNode = [20, 22, 24, 26].flatMap((major): Client[] => [
  {
    name: `Node ${major}, fetch`,
    version: `${node(major)} --version`,
    command: `${node(major)} ${program('fetch.mjs')} "$URL"`,
    // A WebSocket of its own it has from 22 on, and NODE_USE_ENV_PROXY as well.
    cases: major < 22 ? WEB : ALL,
    ...(major < 22 && { direct: WEB }),
  },
  {
    name: `Node ${major}, node:https`,
    version: `${node(major)} --version`,
    command: `${node(major)} ${program('node-http.mjs')} "$URL"`,
    cases: WEB,
    ...(major < 22 && { direct: WEB }),
  },
]);

export const CLIENTS: readonly Client[] = [
  { name: 'curl', version: 'curl --version', command: 'curl -sSf "$URL"', cases: WEB },
  { name: 'GNU wget', version: 'wget --version', command: 'wget -q -O- "$URL"', cases: WEB },
  {
    name: 'BusyBox wget',
    version: 'busybox | head -1',
    command: 'busybox wget -q -O- "$URL"',
    cases: WEB,
  },
  {
    name: 'git',
    version: 'git --version',
    command: 'rm -rf /tmp/clone; git clone -q "$URL"files/repo.git /tmp/clone && cat /tmp/clone/hello.txt',
    cases: WEB,
  },
  {
    name: 'apt',
    version: 'apt-get --version',
    command:
      'mkdir -p /var/lib/dpkg && touch /var/lib/dpkg/status && rm -f /tmp/apt && ' +
      '/usr/lib/apt/apt-helper -q -o APT::Sandbox::User=root -o Acquire::Retries=0 download-file "$URL" /tmp/apt >/dev/null && cat /tmp/apt',
    cases: WEB,
  },
  python('Python urllib', 'urllib_request.py', ''),
  python('Python http.client', 'http_client.py', '', WEB, { direct: WEB }),
  python('Python requests', 'requests_get.py', 'requests'),
  python('Python httpx', 'httpx_get.py', 'httpx'),
  python('Python aiohttp', 'aiohttp_client.py', 'aiohttp', ALL, { direct: ALL }),
  python('Python aiohttp, trust_env', 'aiohttp_client.py', 'aiohttp', ALL, { more: ' trust_env' }),
  // From 15 on it does.
  python('Python websockets', 'websockets_client.py', 'websockets', SOCKETS, { direct: SOCKETS }),
  python('Python grpc', 'grpc_client.py', 'grpcio', ['grpc', 'own']),
  ...ofNode,
  npm('axios', 'axios.mjs', 'axios'),
  npm('axios, fetch adapter', 'axios.mjs', 'axios', WEB, ' fetch'),
  npm('got', 'got.mjs', 'got'),
  { ...npm('ws (npm)', 'ws.mjs', 'ws', SOCKETS), direct: SOCKETS },
  npm('@grpc/grpc-js', 'grpc.mjs', '@grpc/grpc-js', ['grpc', 'own']),
  {
    name: 'npm',
    version: `${node(24)} ${NODE_FOLDER}/npm/bin/npm-cli.js --version`,
    command: `HOME=/tmp ${node(24)} ${NODE_FOLDER}/npm/bin/npm-cli.js view lone description --fetch-retries=0 --prefer-online --registry="$URL"files/npm/`,
    cases: WEB,
  },
  {
    name: 'Go net/http, gorilla',
    version: '/usr/lib/go/bin/go version',
    command: `${GO} "$URL"`,
    cases: ALL,
  },
  {
    name: 'Go, a Transport of its own',
    version: '/usr/lib/go/bin/go version',
    command: `${GO} "$URL" own`,
    cases: ALL,
    direct: ALL,
  },
  { name: 'Java HttpClient', version: `${JAVA}/java --version`, command: java(''), cases: ALL },
  {
    name: 'Java HttpClient, NO_PROXY',
    version: `${JAVA}/java --version`,
    command: java(' NO_PROXY'),
    cases: ALL,
    direct: ALL,
  },
  { name: 'cargo', version: 'cargo --version', command: `bash ${program('cargo.sh')} "$URL"`, cases: WEB },
  {
    name: 'Chromium',
    version: 'HOME=/tmp /usr/lib/chromium/chromium --version',
    command: `bash ${program('chromium.sh')} "$URL"`,
    cases: ALL,
  },
  {
    name: 'openssl s_client',
    version: 'openssl version',
    command: `bash ${program('s_client.sh')} "$URL"`,
    cases: ['https'],
    direct: ['https'],
  },
  {
    name: 'Deno',
    version: `${NODE_FOLDER}/deno/deno --version`,
    command: `DENO_DIR=/tmp/deno DENO_NO_UPDATE_CHECK=1 DENO_CERT=/etc/ssl/certs/ca-certificates.crt ${NODE_FOLDER}/deno/deno run -A --no-lock ${program('fetch.mjs')} "$URL"`,
    cases: ALL,
  },
  {
    name: 'Bun',
    version: `${NODE_FOLDER}/bun/bin/bun --version`,
    command: `HOME=/tmp ${NODE_FOLDER}/bun/bin/bun ${program('fetch.mjs')} "$URL"`,
    cases: ALL,
    direct: SOCKETS,
  },
];
