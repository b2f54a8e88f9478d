import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { GatewayError } from '../engine/errors.js';

/**
 * Who made a network or a container, so that a live owner can be told from a dead one.
 *
 * An owner listens on an abstract socket named after its random id, from before it makes anything until it ends. The
 * kernel closes the socket however the process ends, and never gives the name to anybody who doesn't ask for it: a
 * refused connection to the name of an owner that is *known from something it made* means that it is dead: for good,
 * or until a `serve` takes it over.
 * There are no pids, so none that come round again, and no files that stay behind.
 *
 * Abstract sockets belong to a network namespace, and to one boot of one machine, while an engine may be shared by
 * several and outlives a boot. So an owner also has a place, and where that is another than ours, a refused
 * connection means nothing: see `livenessOf`.
 */
export interface OwnerRef {
  /** 20 hex digits: 8 that stand for the place, 12 random ones. */
  readonly id: string;
  /** Boot id of the kernel, a UUID. */
  readonly boot: string;
  /** Inode number of the network namespace. */
  readonly netns: string;
}

/** `unknown`: it is, or was, on another machine or in another network namespace, and can't be asked from here. */
type Liveness = 'alive' | 'dead' | 'unknown';

const ID = /^[0-9a-f]{20}$/;

/** This process's place: what `boot` and `netns` of an owner made here are. */
function here(): Omit<OwnerRef, 'id'> {
  try {
    return {
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      netns: /\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0] ?? '',
    };
  } catch (error) {
    throw new GatewayError(
      `jobgate runs jobs from Linux with /proc mounted only: ${(error as Error).message}`,
    );
  }
}

const placeOf = ({ boot, netns }: Omit<OwnerRef, 'id'>) =>
  createHash('sha256').update(`${boot} ${netns}`).digest('hex').slice(0, 8);

/** What a dead owner was: what a `run` made is removed, what a `serve` made is opened again. */
export type OwnerKind = 'run' | 'serve';

/** This process as an owner. Close it last, when everything that it made is gone. */
export class Owner implements AsyncDisposable {
  readonly ref: OwnerRef;
  readonly kind: OwnerKind;
  readonly #server: Server;

  private constructor(ref: OwnerRef, kind: OwnerKind, server: Server) {
    this.ref = ref;
    this.kind = kind;
    this.#server = server;
  }

  get id(): string {
    return this.ref.id;
  }

  /** Begins to be alive. To be called before anything is made. */
  static async open(kind: OwnerKind): Promise<Owner> {
    const place = here();
    const id = placeOf(place) + randomBytes(6).toString('hex');
    return new Owner({ id, ...place }, kind, await Owner.#listen(id));
  }

  static async #listen(id: string): Promise<Server> {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: socketPath(id) }, resolve);
    });
    server.on('error', () => {}); // accept() that fails (EMFILE) leaves the socket listening
    server.unref();
    return server;
  }

  /**
   * Becomes a dead owner of this place: what it made is ours from now on, and everybody sees it alive again. The
   * kernel lets one process have a name, so of many who try one succeeds.
   *
   * @returns undefined where it is alive, or taken over by another.
   */
  static async takeOver(ref: OwnerRef, kind: OwnerKind): Promise<Owner | undefined> {
    const server = await Owner.#listen(ref.id).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return undefined;
      throw error;
    });
    return server && new Owner(ref, kind, server);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Makes this process an owner; see `Owner`. */
export const openOwner = (kind: OwnerKind): Promise<Owner> => Owner.open(kind);

/**
 * Whether the owner of a network is alive.
 *
 * Same place: it answers, or it is dead. Another boot: dead if the network's bridge is in this network namespace,
 * because then the engine is on this machine, so were its owners, and the machine has been booted since; otherwise
 * it is another machine that shares the engine. Another network namespace of this boot: can't be asked.
 *
 * @param bridgeIsHere whether the network's bridge is in this network namespace.
 */
export async function livenessOf(owner: OwnerRef, bridgeIsHere: boolean): Promise<Liveness> {
  const place = here();
  if (owner.boot !== place.boot) return bridgeIsHere ? 'dead' : 'unknown';
  if (owner.netns !== place.netns) return 'unknown';
  return ask(owner.id);
}

/** The same for an owner of which only the id is known. */
export async function livenessOfId(id: string): Promise<Liveness> {
  if (!ID.test(id) || id.slice(0, 8) !== placeOf(here())) return 'unknown';
  return ask(id);
}

/**
 * A name for a container of this owner. The engine lets nobody but its own clients choose names, so, unlike a
 * label, a name cannot come from an image: it is a ground for sweeping.
 */
export function containerName(owner: Owner, prefix: 'jobgate' | 'verify' = 'jobgate'): string {
  return `${prefix}-${owner.id}-${randomBytes(4).toString('hex')}`;
}

/** The owner's id in a name that `containerName` made. */
export function ownerOfContainerName(name: string): string | undefined {
  return /^\/?(?:jobgate|verify)-([0-9a-f]{20})-[0-9a-f]{8}$/.exec(name)?.[1];
}

/** Whether something is an owner as `Owner` makes them. */
export function isOwnerRef(ref: { [K in keyof OwnerRef]: unknown }): ref is OwnerRef {
  return (
    typeof ref.id === 'string' &&
    ID.test(ref.id) &&
    typeof ref.boot === 'string' &&
    /^[0-9a-f-]{36}$/.test(ref.boot) &&
    typeof ref.netns === 'string' &&
    /^\d{1,20}$/.test(ref.netns)
  );
}

const socketPath = (id: string) => `\0jobgate-owner-${id}`;

function ask(id: string): Promise<Liveness> {
  return new Promise((resolve) => {
    const socket = connect({ path: socketPath(id) });
    socket.once('connect', () => {
      socket.destroy();
      resolve('alive');
    });
    // Anything but a refusal (a full backlog, no file descriptors here) is no evidence of death.
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED' ? 'dead' : 'alive');
    });
  });
}
