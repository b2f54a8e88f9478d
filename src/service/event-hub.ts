import type { ProxyEvent } from '../../proxy/report/events.js';
import type { PolicyDifference } from './policy/live-policy.js';

export const GATEWAY_CHANGES = [
  'opened',
  'reopened',
  'connected',
  'disconnected',
  'contract-broken',
  'policy-changed',
  'failed',
  'closed',
] as const;

/** What happens at a gateway, beside what its proxy decides. */
export interface GatewayEvent {
  readonly type: 'gateway';
  readonly time: number;
  readonly gateway: string;
  readonly job: string;
  readonly execution?: string;
  readonly change: (typeof GATEWAY_CHANGES)[number];
  /** A sentence, where there is something to say. */
  readonly reason?: string;
  readonly container?: string;
  /** Of `policy-changed`: what it is now, and what of it is new. */
  readonly revision?: string;
  readonly policy?: PolicyDifference;
  /** Of `policy-changed`: connections that were cut, and who changed it: `api`, `api ADDRESS` or `expiry`. */
  readonly cut?: number;
  readonly by?: string;
}

/** A job that this serve runs came to another state. */
interface JobEvent {
  readonly type: 'job';
  readonly time: number;
  readonly job: string;
  readonly execution?: string;
  readonly state: string;
  readonly reason?: string;
}

/** Admission was asked. */
interface AdmissionEvent {
  readonly type: 'admission';
  readonly time: number;
  readonly job?: string;
  readonly execution?: string;
  readonly shouldBid: boolean;
  readonly reason: string;
}

/** An event of a proxy, with the gateway that it is of. */
type GatewayProxyEvent = ProxyEvent & { readonly gateway: string };

export type ServiceEvent = GatewayProxyEvent | GatewayEvent | JobEvent | AdmissionEvent;

/** Tells everybody who listens. At no cost when nobody does. */
export class EventHub {
  readonly #listeners = new Set<(event: ServiceEvent) => void>();

  /** @returns what ends the subscription. */
  subscribe(listener: (event: ServiceEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  publish(event: ServiceEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
