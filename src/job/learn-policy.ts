import type { Admission } from '../../admission/admission.js';
import type { OperatorPolicy } from '../../proxy/policy/policy.js';
import type { Config } from '../config/load.js';
import { AdmissionRefused } from '../errors.js';

/**
 * The operator's part of the policy of a job that learns: within what this node lets jobs declare.
 *
 * @throws AdmissionRefused where the operator does not allow it.
 */
export function learnPolicy(config: Config, admission: Admission): OperatorPolicy {
  if (!config.allowLearn) {
    throw new AdmissionRefused(
      'this node does not accept jobs that learn: its operator allows it with Egress.AllowLearn (JOBGATE_ALLOW_LEARN)',
    );
  }
  const within = admission.allowlist();
  return within ? { ...config.operator, learnWithin: within.entries } : config.operator;
}
