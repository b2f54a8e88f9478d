import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { Cleanup } from './cleanup.js';
import { docker, JOB_IMAGE } from './e2e.js';
import type { Serve } from './serve.js';

/** A gateway as a serve tells of it, as far as tests here look at it. */
export interface ServedView {
  readonly id: string;
  readonly network: { readonly name: string };
  readonly proxy: { readonly url: string };
  readonly docker: readonly string[];
}

/** Asks a serve for a gateway. Its network goes with the test, whatever becomes of the serve. */
export async function openServed(cleanup: Cleanup, serve: Serve, body: object): Promise<ServedView> {
  const answer = await serve.ask('/v1/gateways', { body });
  expect(answer.status).toBe(201);
  cleanup.add(() => docker('network', 'rm', answer.body.network.name).catch(() => {}));
  return answer.body;
}

/** Starts a container behind it, which lasts. @returns its name */
export async function startBehind(cleanup: Cleanup, view: ServedView): Promise<string> {
  const name = `jobgate-test-${randomBytes(4).toString('hex')}`;
  cleanup.add(() => docker('rm', '-f', name));
  await docker('run', '-d', '--name', name, ...view.docker, JOB_IMAGE, 'sleep', '600');
  return name;
}
