import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import type { Config } from '../config/load.js';
import { type Finding, ok, warn } from './finding.js';

const WAIT_MS = 2_000;

/** Jobs of a Bacalhau node that go on without it, as the serve that runs here sees them; nothing where none runs. */
export async function abandoned({ service, gate }: Config): Promise<Finding[]> {
  const path = /^unix:(?:\/\/)?(\/.*)$/.exec(service.listen)?.[1];
  if (!gate || path === undefined) return [];
  const found = await ask(path, '/v1/abandoned').catch(() => undefined);
  if (!found) return [];
  const check = 'abandoned jobs';
  if (found.abandoned.length === 0) return [ok(check, 'none: each job of a node is followed by it')];
  const ids = found.abandoned.map(({ job, since }) => `${job} (since ${since})`);
  return [
    warn(
      check,
      `their node has ended, and may have started them again: ${ids.join(', ')}; they are enforced`,
      'docker rm -f their containers, or Gate.AbandonedAfter',
    ),
  ];
}

interface Abandoned {
  readonly abandoned: readonly { readonly job: string; readonly since: string }[];
}

function ask(socketPath: string, path: string): Promise<Abandoned> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, timeout: WAIT_MS }, (response) => {
      if (response.statusCode === 200) (json(response) as Promise<Abandoned>).then(resolve, reject);
      else reject(new Error(`${path}: ${response.statusCode}`));
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer'))).once('error', reject);
    asked.end();
  });
}
