/** The load: clients and origins in one process, all that is not measured. */
import { answerCalls } from '../child.js';
import { type HoldWork, hold, release, stall } from './held.js';
import { type LatencyWork, latency } from './latency.js';
import { startOrigins } from './origins.js';
import { type RateWork, rates } from './rates.js';
import { type RequestWork, requests } from './requests.js';
import { type SetupWork, setups } from './setups.js';
import { type ThroughputWork, throughput } from './throughput.js';

const origins = await startOrigins();

const api = {
  origins: () => origins,
  throughput: (work: ThroughputWork) => throughput(origins, work),
  setups: (work: SetupWork) => setups(origins, work),
  requests: (work: RequestWork) => requests(origins, work),
  rates: (work: RateWork) => rates(origins, work),
  latency: (work: LatencyWork) => latency(origins, work),
  hold: (work: HoldWork) => hold(origins, work),
  stall: (work: HoldWork) => stall(origins, work),
  release: () => release(),
};

export type LoadApi = typeof api;

answerCalls(api);
