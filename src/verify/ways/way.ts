import type Dockerode from 'dockerode';
import type { Owner } from '../../../docker/gateway/owner.js';
import type { Outside } from '../outside.js';
import type { Promised } from '../world.js';

/** How a job comes to run on this node. */
export type Way = ContainersWay | CommandWay;

interface AnyWay {
  /** For people. */
  readonly through: string;
  readonly promised: Promised;
}

/** Containers are made for the job and its neighbour. */
export interface ContainersWay extends AnyWay {
  readonly docker: Dockerode;
  /** Whose the containers are, by their names: what one that was killed leaves, is swept. */
  readonly owner: Owner;
  /** Of the jobs; has Node. */
  readonly image: string;
  /** Makes what a job has around it, before its container. */
  open(job: JobWish): Promise<Place>;
}

/** There is a container, and a command by which Node runs in it. */
export interface CommandWay extends AnyWay {
  readonly command: readonly [string, ...string[]];
}

export interface JobWish {
  readonly id: string;
  /** What it declares. */
  readonly domains: readonly string[];
  readonly outside: Outside | undefined;
}

/** What a job's container is made with. Disposing takes it down again; the container is gone by then. */
export interface Place extends AsyncDisposable {
  readonly create: Dockerode.ContainerCreateOptions & { readonly name: string };
  /** Absent: whatever the container's variables say. */
  readonly proxy?: { readonly host: string; readonly port: number };
  /** The container runs, and has this address. */
  started?(address: string): void;
}

export function proxyAt(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) };
}
