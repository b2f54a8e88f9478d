/** What the API answers, as its own schemas say: types alone, nothing of the server is in the page. */
import type { z } from 'zod';
import type { Account } from '../../../account/account.js';
import type { history, overview } from '../../overview/overview-schema.js';

export type { Entry, GatewayView, JobView } from '../../../client/entries.js';
export type { Account };
export type Overview = z.infer<typeof overview>;
export type History = z.infer<typeof history>;

/** Of a gateway, in the event `figures`. */
export interface GatewayFigures {
  readonly id: string;
  readonly state: string;
  readonly up: number;
  readonly down: number;
  readonly connections: number;
  readonly allowed: number;
  readonly denied: number;
  readonly throttledMs: { readonly up: number; readonly down: number };
}
export interface FiguresMessage {
  readonly time: string;
  readonly gateways: readonly GatewayFigures[];
}
