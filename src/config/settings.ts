import { DEFAULT_GATEWAY_PORT, MAX_GATEWAY_PORT } from '../../docker/host/lockdown-rules.js';
import { LOG_FORMATS, LOG_LEVELS } from '../logging.js';
import { ACCOUNT_SETTINGS } from './account-settings.js';
import { ADMISSION_SETTINGS } from './admission-settings.js';
import { EGRESS_SETTINGS } from './egress-settings.js';
import { GATE_SETTINGS } from './gate-settings.js';
import { choice, integer, text, yesNo } from './kinds.js';
import { SERVICE_SETTINGS } from './service-settings.js';
import { setting } from './setting.js';

/** Every setting, once. The loader, its errors and the documentation are made of this table. */
export const SETTINGS = {
  ...ADMISSION_SETTINGS,
  gatewayPlacement: setting({
    kind: choice(['auto', 'host', 'container']),
    key: 'Gateway.Placement',
    env: 'JOBGATE_GATEWAY',
    flag: 'gateway',
    default: 'auto',
    help: "where a job's proxy runs",
  }),
  gatewayPort: setting({
    kind: integer(1, MAX_GATEWAY_PORT),
    key: 'Gateway.Port',
    env: 'JOBGATE_GATEWAY_PORT',
    flag: 'gatewayPort',
    default: DEFAULT_GATEWAY_PORT,
    help: 'port of the gateways on their bridges, one for the whole host; some behind it are theirs as well',
  }),
  anyProgram: setting({
    kind: yesNo,
    key: 'Gateway.AnyProgram',
    env: 'JOBGATE_ANY_PROGRAM',
    default: true,
    help: 'serve programs that know of no proxy: answer names, and take connections as if for the host',
  }),
  runtimeVariables: setting({
    kind: yesNo,
    key: 'Gateway.RuntimeVariables',
    env: 'JOBGATE_RUNTIME_VARIABLES',
    help: 'give jobs JAVA_TOOL_OPTIONS and NODE_USE_ENV_PROXY, for which Java and Node print a line; unless set, only where names are not answered',
  }),
  subnetPool: setting({
    kind: text,
    key: 'Gateway.SubnetPool',
    env: 'JOBGATE_SUBNET_POOL',
    flag: 'subnetPool',
    help: 'IPv4 range of the isolated networks, as 10.213.0.0/16',
  }),
  subnetPrefix: setting({
    kind: integer(16, 29),
    key: 'Gateway.SubnetPrefix',
    env: 'JOBGATE_SUBNET_PREFIX',
    help: 'prefix length of one isolated network, 29 by default',
  }),
  gatewayImage: setting({
    kind: text,
    key: 'Gateway.Image',
    env: 'JOBGATE_GATEWAY_IMAGE',
    help: 'image that gateways in containers are made of, jobgate:VERSION by default; never pulled',
  }),
  outsideNetwork: setting({
    kind: text,
    key: 'Gateway.OutsideNetwork',
    env: 'JOBGATE_OUTSIDE_NETWORK',
    default: 'bridge',
    help: 'network of the engine by which gateways in containers reach the outside',
  }),
  ...EGRESS_SETTINGS,
  ...SERVICE_SETTINGS,
  ...GATE_SETTINGS,
  ...ACCOUNT_SETTINGS,
  logLevel: setting({
    kind: choice(LOG_LEVELS),
    key: 'Log.Level',
    env: 'JOBGATE_LOG_LEVEL',
    flag: 'logLevel',
    default: 'info',
    help: 'what goes to stderr',
  }),
  logFormat: setting({
    kind: choice(LOG_FORMATS),
    key: 'Log.Format',
    env: 'JOBGATE_LOG_FORMAT',
    flag: 'logFormat',
    default: 'pretty',
    help: 'for people or for programs',
  }),
} as const;

export type SettingName = keyof typeof SETTINGS;

/** Variables that share the prefix and are no settings. */
export const OTHER_VARIABLES = /^JOBGATE_(CONFIG|DEBUG|E2E|PROBE|UPSTREAM_CREDENTIALS|(ENGINE|TEST)_\w+)$/;
