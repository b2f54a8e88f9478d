import { JobgateError } from '../proxy/policy/jobgate-error.js';

/** The command line, a job file or a configuration is not usable. The message says where, and what to write. Exit code 64. */
export class UsageError extends JobgateError {
  override readonly name: 'UsageError' | 'ConfigError' = 'UsageError';
  override readonly code: 'JOBGATE_USAGE' | 'JOBGATE_CONFIG' = 'JOBGATE_USAGE';
}

/** Admission said no: this node does not run the job. The message is the reason. Exit code 77. */
export class AdmissionRefused extends JobgateError {
  override readonly name = 'AdmissionRefused';
  override readonly code = 'JOBGATE_ADMISSION_REFUSED';
}
