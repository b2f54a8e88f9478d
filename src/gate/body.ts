import type { IncomingMessage } from 'node:http';
import { JsonError, parseExactJson } from '../../admission/exact-json.js';
import { isRecord } from '../../admission/known-keys.js';
import { shown } from '../../admission/problem.js';
import { discardBody } from '../service/discard-body.js';
import { GateRefusal } from './refusal.js';

/** Of a body that is judged, bytes. */
const MAX_BODY = 1 << 20;

/** Reads a body whole. @throws GateRefusal 413 for one that is too long, 400 for one without an end. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_BODY) break;
      chunks.push(chunk);
    }
  } catch {
    throw new GateRefusal(400, 'jobgate: the body broke off');
  }
  if (length > MAX_BODY) {
    await discardBody(request);
    throw new GateRefusal(413, `jobgate: the body has more than ${MAX_BODY} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A JSON object, of which every reader reads the same. @throws GateRefusal 400. */
export function parseBody(text: string): Record<string, unknown> {
  let body: unknown;
  try {
    body = parseExactJson(text);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new GateRefusal(400, `jobgate: the body is not usable: ${error.message}`);
  }
  if (!isRecord(body)) throw new GateRefusal(400, 'jobgate: the body must be a JSON object');
  return body;
}

/**
 * @param repeated of the query, which some clients repeat in a body that the engine does not read.
 * @throws GateRefusal 400 where a request brings a body that it has no use for, and that an engine of old may read.
 */
export function assertNothing(text: string, repeated: readonly string[]): void {
  if (text === '' || text === 'null') return;
  const odd = Object.keys(parseBody(text)).find((name) => !repeated.includes(name));
  if (odd !== undefined)
    throw new GateRefusal(400, `jobgate: this request takes no body, and has ${shown(odd)} in it`);
}
