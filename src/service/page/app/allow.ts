import { ApiProblem, ask, path } from './api.js';
import type { GatewayView } from './server-types.js';

/**
 * Adds entries to what a gateway's job may reach. The policy has to be the one that was shown: whoever denied the host
 * meanwhile is not overruled.
 *
 * @throws ApiProblem, a sentence for a person.
 */
export async function allow(
  { id, revision }: Pick<GatewayView, 'id' | 'revision'>,
  entries: readonly string[],
): Promise<void> {
  try {
    await ask(path`/v1/gateways/${id}`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json', 'If-Match': `"${revision}"` },
      body: JSON.stringify({ allow: entries }),
    });
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 412) throw error;
    throw new ApiProblem(412, 'the policy was changed meanwhile: look at it, then try again');
  }
}
