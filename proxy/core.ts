import type { ClientConnection } from './accept/client-connection.js';
import type { Decider } from './decide/decider.js';
import type { DialTarget } from './dial/dialler.js';
import type { EgressPolicy } from './policy/policy.js';
import type { Recorder } from './report/recorder.js';
import type { IdleWatch } from './tunnel/idle.js';
import type { LargeBuffers } from './tunnel/large-buffers.js';
import type { Gates } from './util/limits.js';

/** An allowed tunnel or request that is under way. */
export interface Flow {
  readonly target: DialTarget;
  /** Cuts it; `reason` is for its `closed` event. */
  end(reason: string): void;
}

/** What the parts of one proxy share. */
export interface Core {
  readonly policy: EgressPolicy;
  readonly decider: Decider;
  readonly gates: Gates;
  readonly recorder: Recorder;
  readonly idle: IdleWatch;
  /** For tunnels as fast as the machine; none where the job has a rate: its tokens are slower than any read. */
  readonly large: LargeBuffers;
  /** True while the proxy drains: nothing new is begun. */
  readonly closing: boolean;
  /** Whoever begins something that is allowed says so, and says when it is over. */
  began(flow: Flow): void;
  ended(flow: Flow): void;
  /** Hands a tunnel's stream to the HTTP server for what is inside tunnels. */
  serveInside(connection: ClientConnection): void;
  /** What should not happen: for the log. */
  fault(error: unknown): void;
}
