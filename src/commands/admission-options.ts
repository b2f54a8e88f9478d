import { Option } from 'commander';
import { repeatable } from './common-options.js';

/** Options about which jobs this node accepts, with the names that the reference gave them before 1.5. */
export function admissionOptions(): Option[] {
  return [
    new Option('--reject-networked-jobs', 'refuse jobs that ask for a network'),
    new Option('--reject-stateless-jobs', 'refuse jobs without inputs'),
    new Option('--reject-host-network', "refuse jobs on the host's network"),
    new Option('--locality <where>', 'anywhere, or local: refuse jobs whose inputs are not on this node'),
    new Option('--probe-exec <command>', 'ask this command, run by bash -c, about each job'),
    new Option('--probe-http <url>', 'ask this URL about each job'),
    repeatable('--allowed-domain <domain>', 'jobs may reach these domains only; repeatable'),
    new Option('--allowed-domains-file <file>', 'the same from a file, read again when it changes'),
    repeatable('--allowed-mount <path[:rw]>', 'job specs may mount from below this directory; repeatable'),
    old('--job-selection-accept-networked', 'accept jobs that ask for a network'),
    old('--job-selection-reject-stateless', 'as --reject-stateless-jobs'),
    old('--job-selection-data-locality <where>', 'as --locality'),
    old('--job-selection-probe-exec <command>', 'as --probe-exec'),
    old('--job-selection-probe-http <url>', 'as --probe-http'),
  ];
}

function old(flags: string, description: string): Option {
  return new Option(flags, description).hideHelp();
}
