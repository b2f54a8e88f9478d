import { duration, size, text } from './kinds.js';
import { setting } from './setting.js';

/** Of the accounts of jobs. */
export const ACCOUNT_SETTINGS = {
  accountKeyFile: setting({
    kind: text,
    key: 'Account.KeyFile',
    env: 'JOBGATE_ACCOUNT_KEY_FILE',
    path: true,
    help: 'private key (Ed25519, PEM) that accounts are signed with; not signed where absent',
  }),
  accountKeepMs: setting({
    kind: duration,
    key: 'Account.KeepFor',
    env: 'JOBGATE_ACCOUNT_KEEP_FOR',
    default: 604_800_000,
    help: 'so long after its end an account can be asked for',
  }),
  accountKeepBytes: setting({
    kind: size,
    key: 'Account.KeepSize',
    env: 'JOBGATE_ACCOUNT_KEEP_SIZE',
    default: 67_108_864,
    help: 'of all accounts together; the oldest go first',
  }),
} as const;
