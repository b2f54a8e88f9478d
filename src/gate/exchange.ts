import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Job } from '../../admission/job.js';
import type { NetworkWish } from '../../docker/gateway/gateway.js';
import type { Logger } from '../../proxy/policy/logger.js';
import type { JobPolicy } from '../../proxy/policy/policy.js';
import type { Config } from '../config/load.js';
import type { ServedGateway } from '../service/served-gateway.js';
import type { Service } from '../service/service.js';
import type { EngineAsks } from './engine-asks.js';
import type { Own } from './own.js';
import type { PassOn } from './pass-on.js';
import type { Names } from './requests.js';
import type { StockNodes } from './stock-node/stock-nodes.js';
import type { Target } from './target.js';

/** What the gate's answers are made with. */
export interface Gate {
  readonly service: Service;
  readonly config: Config;
  readonly own: Own;
  readonly nodes: StockNodes;
  readonly asks: EngineAsks;
  readonly passOn: PassOn;
  readonly logger: Logger;
  /** Opens a gateway that this gate closes, for a job. `admit` is asked first. */
  open(policy: JobPolicy, wish: NetworkWish, job: Job, admit: () => Promise<void>): Promise<ServedGateway>;
  close(served: ServedGateway, reason: string): Promise<void>;
  /** A container of its own is gone. */
  removed(container: string): void;
}

/** A request whose target was read, and of which the names are those of the client's own. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  /** Ids as the engine has them. */
  readonly names: Names;
  /** What the engine is asked: of the query, what is known. */
  readonly path: string;
  answer(status: number, body: Buffer | string, type?: string): void;
  json(status: number, value: unknown): void;
}

export type Handler = (exchange: Exchange, gate: Gate) => Promise<void>;
