/** The command line, a job file or a configuration is not usable. The message says where, and what to write. Exit code 64. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** Admission said no: this node does not run the job. The message is the reason. Exit code 77. */
export class AdmissionRefused extends Error {
  override readonly name = 'AdmissionRefused';
}
