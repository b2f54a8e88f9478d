#!/usr/bin/env node
/**
 * The image's healthcheck: asks `jobgate serve` in this container whether it lives. It listens where JOBGATE_LISTEN says;
 * a sidecar that is told by a flag or a file sets the variable as well.
 */
import { get } from 'node:http';

const listen = process.env.JOBGATE_LISTEN || 'unix:/run/jobgate/jobgate.sock';
const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(listen) ?? [];
const where = listen.startsWith('unix:') ? { socketPath: listen.slice('unix:'.length) } : { host, port };

const end = (problem?: string) => {
  if (problem) process.stderr.write(`${listen}: ${problem}\n`);
  process.exit(problem ? 1 : 0);
};
get({ ...where, path: '/healthz', headers: { host: 'localhost' }, timeout: 4_000 }, ({ statusCode }) =>
  end(statusCode === 200 ? undefined : `status ${statusCode}`),
)
  .on('timeout', () => end('no answer'))
  .on('error', (error) => end(error.message));
