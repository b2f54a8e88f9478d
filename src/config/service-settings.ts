import { choice, duration, integer, text } from './kinds.js';
import { setting } from './setting.js';

const DEFAULT_LISTEN = 'unix:/run/jobgate/jobgate.sock';

/** Of `jobgate serve`. */
export const SERVICE_SETTINGS = {
  listen: setting({
    kind: text,
    key: 'Serve.Listen',
    env: 'JOBGATE_LISTEN',
    flag: 'listen',
    default: DEFAULT_LISTEN,
    help: 'where the API listens: unix:/PATH, or HOST:PORT with a token file',
  }),
  tokenFile: setting({
    kind: text,
    key: 'Serve.TokenFile',
    env: 'JOBGATE_TOKEN_FILE',
    flag: 'tokenFile',
    path: true,
    help: 'file with the token that callers of the API show',
  }),
  stateDirectory: setting({
    kind: text,
    key: 'Serve.StateDirectory',
    env: 'JOBGATE_STATE_DIRECTORY',
    flag: 'stateDirectory',
    path: true,
    default: '/var/lib/jobgate',
    help: 'folder for what must outlive a restart, as the changed policies of gateways',
  }),
  brokenContract: setting({
    kind: choice(['disconnect', 'report']),
    key: 'Serve.BrokenContract',
    env: 'JOBGATE_BROKEN_CONTRACT',
    flag: 'brokenContract',
    default: 'disconnect',
    help: "what becomes of a container on a job's network that could get round it",
  }),
  unusedAfterMs: setting({
    kind: duration,
    key: 'Serve.UnusedAfter',
    env: 'JOBGATE_UNUSED_AFTER',
    flag: 'unusedAfter',
    default: 600_000,
    help: 'a gateway without a container is closed after this time',
  }),
  keepEndedMs: setting({
    kind: duration,
    key: 'Serve.KeepEnded',
    env: 'JOBGATE_KEEP_ENDED',
    flag: 'keepEnded',
    default: 86_400_000,
    help: 'gateways that were closed are remembered for this time, the last 200 at most',
  }),
  drainMs: setting({
    kind: duration,
    key: 'Serve.DrainTime',
    env: 'JOBGATE_DRAIN_TIME',
    flag: 'drainTime',
    default: 10_000,
    help: 'time that connections and jobs have to finish after SIGTERM',
  }),
  workers: setting({
    kind: integer(1, 256),
    key: 'Serve.Workers',
    env: 'JOBGATE_WORKERS',
    flag: 'workers',
    help: 'processes that the proxies of gateways on the host are spread over; as many as cores where absent',
  }),
} as const;
