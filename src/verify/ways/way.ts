import type Dockerode from 'dockerode';
import type { Outside } from '../outside.js';

/** How a job comes to run on this node. */
export interface Way extends AsyncDisposable {
  /** For people. */
  readonly through: string;
  readonly docker: Dockerode;
  /** Where containers of others would be: for one with a published port. Absent: nobody else's are here. */
  readonly others?: Dockerode;
  /** bit/s in each direction that jobs are promised to have at most; null: none is. */
  readonly rate: number | null;
  readonly burst: number;
  readonly jobHeader: string;
  /** Makes what a job has around it, before its container. */
  open(job: JobWish): Promise<Place>;
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
