/**
 * Every reason for which the egress proxy refuses, in one table: its status and what the author of the job can
 * do about it. `status` is that of the answer; 0 where the bytes are inside a tunnel and it is closed unanswered.
 */
export const DENIALS = {
  // The request itself.
  'malformed-target': {
    status: 400,
    help: 'the request target has no well-formed host: this is a proxy, send CONNECT host:port or GET http://host/path',
  },
  'malformed-request': { status: 400, help: 'the request is not well-formed HTTP/1.1' },
  'unsupported-scheme': {
    status: 400,
    help: 'only http://, https://, ws:// and wss:// are proxied',
  },
  'unsupported-upgrade': {
    status: 403,
    help: 'over plain HTTP only WebSockets are upgraded to (GET, Upgrade: websocket, no body): use CONNECT for others',
  },
  'header-timeout': { status: 408, help: 'the request head did not arrive in time' },
  'headers-too-large': { status: 431, help: 'the request head is larger than the proxy accepts' },
  // Policy.
  'operator-denied': { status: 403, help: 'the operator of this node does not let jobs reach this host' },
  'domain-not-allowed': {
    status: 403,
    help: 'add HOST to Network.Domains of the job (on the command line: --domain HOST)',
  },
  'port-not-allowed': {
    status: 403,
    help: 'add HOST:PORT to Network.Domains of the job (on the command line: --domain HOST:PORT)',
  },
  'job-itself': {
    status: 403,
    help: 'this is the job itself, where its proxy does not reach: set no_proxy in it (on the command line: -e no_proxy=HOST)',
  },
  'address-not-public': {
    status: 403,
    help: 'the host resolves to an address that is not public: only the operator can allow it (--allow-address)',
  },
  'address-of-node': {
    status: 403,
    help: 'the host resolves to an address of the node itself: only the operator can allow it (--allow-address)',
  },
  'proxy-loop': { status: 403, help: 'the target is a listener of jobgate itself' },
  'client-not-allowed': { status: 403, help: 'this proxy serves another job' },
  // Reaching the host.
  'name-not-found': { status: 502, help: 'the host name does not resolve' },
  'dns-failed': { status: 502, help: 'the name servers of the node did not give an answer' },
  'dns-timeout': { status: 504, help: 'the name servers of the node did not answer in time' },
  'connect-failed': { status: 502, help: 'the host refused the connection or could not be reached' },
  'connect-timeout': { status: 504, help: 'the host did not accept the connection in time' },
  'upstream-failed': { status: 502, help: "the node's upstream proxy refused or failed" },
  'tls-failed': {
    status: 502,
    help: 'the TLS handshake with the host failed: it may speak no TLS on this port',
  },
  'certificate-not-valid': {
    status: 502,
    help: 'the certificate of the host could not be verified: it is not for this name, not valid now, or of an authority that this node does not know',
  },
  'origin-broken': {
    status: 502,
    help: 'the host closed the connection or sent an answer that is not HTTP/1.1',
  },
  // Inside a tunnel.
  'tunnel-not-web': { status: 0, help: 'a tunnel carries TLS or HTTP/1.1 only' },
  'tls-to-plain-port': {
    status: 0,
    help: 'TLS to this port needs an entry of its own: add HOST:PORT to Network.Domains of the job (on the command line: --domain HOST:PORT)',
  },
  'tls-malformed': { status: 0, help: 'the tunnel does not begin with a well-formed TLS ClientHello' },
  'tls-no-name': { status: 0, help: 'the TLS ClientHello names no host (SNI)' },
  'tls-other-name': { status: 0, help: 'the TLS ClientHello names another host than CONNECT did' },
  'hello-timeout': { status: 0, help: 'the tunnel stayed silent after CONNECT' },
  'other-authority': {
    status: 421,
    help: 'Host is another than that of CONNECT, or of another port than that of the connection',
  },
  'connect-in-tunnel': {
    status: 400,
    help: 'CONNECT is for the proxy alone, not for the inside of a tunnel or for a host',
  },
  // Limits.
  'too-many-connections': { status: 429, help: 'the job has too many connections to its proxy: close some' },
  'connection-rate': { status: 429, help: 'the job opens connections too fast: slow down' },
  'too-many-tunnels': { status: 429, help: 'the job has too many tunnels: close some' },
  'too-many-requests': { status: 429, help: 'the job has too many requests in flight: wait for some' },
  'too-many-dials': {
    status: 429,
    help: 'the job opens too many connections to hosts at once: wait for some',
  },
  'destination-busy': {
    status: 429,
    help: 'the jobs of this node have too many connections to this host, or open them too fast: wait',
  },
  'too-many-lookups': { status: 429, help: 'the job looks up too many names at once: wait for some' },
  'budget-used-up': {
    status: 429,
    help: 'the job has used up the bytes that it may exchange in all, or with HOST: waiting brings no more, a larger budget does',
  },
  // Lifecycle.
  closing: { status: 503, help: 'the gateway of the job is closing' },
} as const satisfies Record<string, { status: number; help: string }>;

export type DenialReason = keyof typeof DENIALS;
