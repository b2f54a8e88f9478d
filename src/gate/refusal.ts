import { shown } from '../../admission/problem.js';
import { EngineError } from '../../docker/engine/errors.js';
import { asApiError } from '../service/api-error.js';

/** An answer of the gate that is an error, in the engine's own form: `{"message": …}`. Never leaves the gate. */
export class GateRefusal extends Error {
  override readonly name = 'GateRefusal';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** What the gate does not let its clients have, and what to do instead. */
export const refuse = (message: string) => new GateRefusal(403, `jobgate: ${message}`);

/** Something that is not there, or not the client's: the engine's own words, so that both look the same. */
export const notFound = (kind: 'container' | 'network' | 'volume' | 'exec instance', name: string) =>
  new GateRefusal(404, `No such ${kind}: ${shown(name)}`);

/** What any error is to a client; undefined for one that was not foreseen. */
export function asRefusal(error: unknown): GateRefusal | undefined {
  if (error instanceof GateRefusal) return error;
  if (error instanceof EngineError) return new GateRefusal(error.status ?? 503, `jobgate: ${error.message}`);
  const known = asApiError(error);
  return known && new GateRefusal(known.status, `jobgate: ${known.message}`);
}
