import { connect as netConnect, type OnReadOpts, type Socket, type TcpNetConnectOpts } from 'node:net';
import { formatIp, parseIp, unmapped } from '../policy/ip.js';
import { RaceError, race } from '../util/race.js';
import { SOCKET_OPTIONS } from '../util/socket-options.js';
import { DialError } from './dial-error.js';

/** An address literal; never a name. */
export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** How a socket is read. */
interface OnRead extends OnReadOpts {
  /** Called with the socket before anything is read. */
  attach?(socket: Socket): void;
}

/** Makes the `onread` of one attempt: attempts share nothing, and what one socket reads is not to reach another's. */
export type OnReadFactory = () => OnRead;

/** Asks for leave to connect to an address; what is to be called when the connection is closed. Throws DialError. */
export type Leave = (address: string) => (() => void) | Promise<() => void>;

interface ConnectOptions {
  /** Ends every attempt; the promise rejects with its reason. */
  readonly signal: AbortSignal;
  /** Time between the starts of two attempts, ms. */
  readonly staggerMs: number;
  readonly onread?: OnReadFactory | undefined;
  readonly leave?: Leave | undefined;
}

/** Attempts per connection at most: a name with a thousand addresses must not become a thousand sockets. */
const MAX_ATTEMPTS = 16;

/**
 * The first connection to one of `addresses`. The socket is checked to be connected to it, has an error listener from
 * its first moment on, and does not read until someone listens. Throws `DialError` with `connect-failed`, or the
 * signal's reason.
 */
export function connect(
  addresses: readonly Address[],
  port: number,
  { signal, staggerMs, onread, leave }: ConnectOptions,
): Promise<Socket> {
  const attempt = async (one: Address, stop: AbortSignal) => {
    const release = await leave?.(one.address);
    if (stop.aborted) {
      release?.();
      throw stop.reason;
    }
    return new Promise<Socket>((resolve, reject) => {
      const end = open(one, port, { onread, closed: release }, (failure, socket) => {
        stop.removeEventListener('abort', abort);
        if (socket) resolve(socket);
        else reject(failure);
      });
      const abort = () => end(stop.reason);
      stop.addEventListener('abort', abort);
    });
  };
  return raceAddresses(addresses, attempt, { signal, staggerMs });
}

/**
 * Races `attempt` over the addresses (RFC 8305 section 5, families alternating). Every socket but the first is
 * destroyed. Throws what the most telling attempt threw, as a `DialError`, or the signal's reason.
 */
export async function raceAddresses<A extends Address>(
  addresses: readonly A[],
  attempt: (address: A, signal: AbortSignal) => Promise<Socket>,
  { signal, staggerMs }: Pick<ConnectOptions, 'signal' | 'staggerMs'>,
): Promise<Socket> {
  const candidates = alternate(addresses).slice(0, MAX_ATTEMPTS);
  try {
    return await race(candidates, attempt, { staggerMs, signal, discard: (socket) => socket.destroy() });
  } catch (error) {
    if (!(error instanceof RaceError)) throw error;
    throw connectFailed(error.errors);
  }
}

interface OpenOptions {
  readonly onread?: OnReadFactory | undefined;
  /** Called when its socket is closed, connected or not. */
  readonly closed?: (() => void) | undefined;
}

/**
 * An attempt to connect to one address.
 *
 * @param done called once, later, with the socket; without it, with what the system says, or what it was ended with
 * @returns what ends it, unless it is over
 */
export function open(
  { address, family }: Address,
  port: number,
  { onread, closed }: OpenOptions,
  done: (failure: unknown, socket?: Socket) => void,
): (reason: unknown) => void {
  const reader = onread?.();
  const options: TcpNetConnectOpts = {
    host: address,
    port,
    family,
    autoSelectFamily: false,
    lookup: refuseLookup,
    ...SOCKET_OPTIONS,
  };
  if (reader) options.onread = reader;
  const socket = netConnect(options);
  reader?.attach?.(socket);
  // Stays for the socket's life, and so must keep nothing of the attempt: an error without listener ends the process.
  socket.on('error', ignore);
  if (closed) socket.on('close', closed);
  let failure: unknown;
  const gone = () => done(failure ?? socket.errored);
  socket.on('close', gone);
  socket.once('connect', () => {
    const wrong = wrongPeer(socket, address);
    if (wrong) {
      failure ??= wrong;
      socket.destroy();
      return;
    }
    socket.off('close', gone);
    done(undefined, socket);
  });
  return (reason) => {
    failure ??= reason;
    if (socket.connecting) socket.destroy();
  };
}

/** What was judged and what is connected must be the same, whatever happened in between. */
function wrongPeer(socket: Socket, address: string): Error | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined) return new Error('closed by the peer');
  if (remoteAddress !== address && canonical(remoteAddress) !== canonical(address)) {
    return new Error(`connected to ${remoteAddress} instead`);
  }
  // The kernel may connect a port of this host that nobody listens on to itself.
  return remoteAddress === localAddress && remotePort === localPort
    ? Object.assign(new Error('connected to itself'), { code: 'ECONNREFUSED' })
    : undefined;
}

/** `net.connect` looks up what is not an IP address: nothing that comes here may be one. */
const refuseLookup: NonNullable<TcpNetConnectOpts['lookup']> = (host, _options, callback) => {
  callback(Object.assign(new Error(`${host} is not an address`), { code: 'ENOTFOUND' }), '', 0);
};

function canonical(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? address : formatIp(unmapped(ip));
}

/** One of each family in turn, beginning with the family of the first. */
function alternate<A extends Address>(addresses: readonly A[]): readonly A[] {
  if (addresses.length < 2) return addresses;
  const first = addresses.filter((one) => one.family === addresses[0]?.family);
  const second = addresses.filter((one) => one.family !== addresses[0]?.family);
  return first
    .flatMap((one, i) => [one, second[i]])
    .concat(second.slice(first.length))
    .filter((one) => one !== undefined);
}

/** No route is said last: it is what a host without IPv6 says of every other name. */
const UNTELLING = new Set(['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/** What is said of attempts that all failed. */
export function connectFailed(errors: readonly unknown[]): DialError {
  const cause = errors.find((error) => !UNTELLING.has(codeOf(error) ?? '')) ?? errors[0];
  if (cause instanceof DialError) return cause;
  // A timeout of the kernel's is one only if nothing else was heard.
  const timedOut = errors.length > 0 && errors.every((error) => codeOf(error) === 'ETIMEDOUT');
  const message = cause instanceof Error ? cause.message : 'there is no address to connect to';
  return new DialError(timedOut ? 'connect-timeout' : 'connect-failed', message, codeOf(cause), { cause });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function ignore(): void {}
