import { domain } from './admission-settings.js';
import { checked, duration, list, parsed, text, yesNo } from './kinds.js';
import { setting } from './setting.js';

const mode = parsed(
  'octal: 0600, 0660',
  checked((value) =>
    /^0?[0-7]{3}$/.test(value)
      ? { ok: true }
      : { ok: false, problem: 'must be three octal digits, as 0600 or 0660' },
  ),
);

/** Of the gate: the engine's API as `jobgate serve` offers it to Docker clients. */
export const GATE_SETTINGS = {
  gateListen: setting({
    kind: text,
    key: 'Gate.Listen',
    env: 'JOBGATE_GATE_LISTEN',
    flag: 'gate',
    help: 'where the gate listens for Docker clients, as unix:///run/jobgate/docker.sock; no gate where absent',
  }),
  gateMode: setting({
    kind: mode,
    key: 'Gate.Mode',
    env: 'JOBGATE_GATE_MODE',
    default: '0600',
    help: "mode of the gate's socket",
  }),
  gateGroup: setting({
    kind: text,
    key: 'Gate.Group',
    env: 'JOBGATE_GATE_GROUP',
    help: "group of the gate's socket, a name or a number",
  }),
  gateDefault: setting({
    kind: list(domain),
    key: 'Gate.Default',
    env: 'JOBGATE_GATE_DEFAULT',
    emptyIsValue: true,
    default: [],
    help: 'domains of containers and networks that have no labels of their own; none is no network',
  }),
  gateRuntimes: setting({
    kind: list(text),
    key: 'Gate.Runtimes',
    env: 'JOBGATE_GATE_RUNTIMES',
    default: [],
    help: "runtimes that clients of the gate may name, beside the engine's default",
  }),
  gatePull: setting({
    kind: yesNo,
    key: 'Gate.PullImages',
    env: 'JOBGATE_GATE_PULL_IMAGES',
    default: true,
    help: 'clients of the gate may pull images',
  }),
  gateRemoveImages: setting({
    kind: yesNo,
    key: 'Gate.RemoveImages',
    env: 'JOBGATE_GATE_REMOVE_IMAGES',
    default: false,
    help: 'clients of the gate may remove images, which all users of the engine share',
  }),
  gateReadOthers: setting({
    kind: yesNo,
    key: 'Gate.ReadOthers',
    env: 'JOBGATE_GATE_READ_OTHERS',
    default: false,
    help: 'clients of the gate may list and inspect what is not theirs',
  }),
  gateHostNetwork: setting({
    kind: yesNo,
    key: 'Gate.HostNetwork',
    env: 'JOBGATE_GATE_HOST_NETWORK',
    default: false,
    help: "jobs of a Bacalhau node get the host's network where they ask for it and admission accepts them: it is not enforced",
  }),
  nodeDataDir: setting({
    kind: text,
    key: 'DataDir',
    env: 'JOBGATE_NODE_DATA_DIR',
    path: true,
    help: "the Bacalhau node's own: its jobs may mount what the node keeps for them below compute/executions in it",
  }),
  gateAbandonedAfterMs: setting({
    kind: duration,
    key: 'Gate.AbandonedAfter',
    env: 'JOBGATE_GATE_ABANDONED_AFTER',
    help: "a container of a Bacalhau node's job that its node has not followed for so long is removed; never where absent",
  }),
} as const;
