import { clientEnv } from '../../docker/gateway/client-env.js';
import type { Gateway } from '../../docker/gateway/gateway.js';
import type { Logger } from '../../proxy/policy/logger.js';
import type { AdmittedJob } from './admit.js';

interface JobEnvOptions {
  readonly logger: Logger;
  /** Give it JAVA_TOOL_OPTIONS and NODE_USE_ENV_PROXY. Default: where its names are not answered. */
  readonly runtimeVariables?: boolean | undefined;
}

/** The job's environment behind its gateway; what it sets itself and that cannot hold is told to the log. */
export function jobEnv(
  job: AdmittedJob,
  gateway: Pick<Gateway, 'proxy' | 'names'>,
  imageEnv: readonly string[],
  { logger, runtimeVariables }: JobEnvOptions,
): Readonly<Record<string, string>> {
  const image = Object.fromEntries(
    imageEnv.map((line) => [line.replace(/=.*/s, ''), line.slice(line.indexOf('=') + 1)]),
  );
  const { env, overridden } = clientEnv(gateway.proxy.url, job.engine.env, {
    image,
    namesServed: gateway.names !== undefined,
    ...(runtimeVariables !== undefined && { runtimes: runtimeVariables }),
  });
  if (overridden.length > 0) {
    logger.warn({ variables: overridden }, 'the job sets proxy variables itself; overridden by its gateway');
  }
  return env;
}
