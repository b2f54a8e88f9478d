import { isRecord } from '../../admission/known-keys.js';
import { shown } from '../../admission/problem.js';
import { GateRefusal } from './refusal.js';

/**
 * The `filters` of a query, in either of the engine's spellings, as lists.
 *
 * @throws GateRefusal 400 for others than those that are known.
 */
export function readFilters(query: URLSearchParams, known: readonly string[]): Record<string, string[]> {
  const text = query.get('filters');
  if (!text) return {};
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    given = undefined;
  }
  if (!isRecord(given)) throw new GateRefusal(400, 'jobgate: filters must be a JSON object');
  return Object.fromEntries(
    Object.entries(given).map(([name, values]) => {
      if (!known.includes(name)) {
        throw new GateRefusal(
          400,
          `jobgate: filter ${shown(name)} is not known here: only ${known.join(', ')}`,
        );
      }
      if (Array.isArray(values)) return [name, values.map(String)];
      return [name, isRecord(values) ? Object.keys(values).filter((value) => values[value] === true) : []];
    }),
  );
}

/** The same, whatever they are; the engine says what is wrong with them. */
export function listFilters(query: URLSearchParams): Readonly<Record<string, string[]>> {
  let given: unknown;
  try {
    given = JSON.parse(query.get('filters') ?? '{}');
  } catch {
    given = undefined;
  }
  if (!isRecord(given)) return {};
  return Object.fromEntries(
    Object.entries(given).map(([name, values]) => [
      name,
      Array.isArray(values) ? values.map(String) : isRecord(values) ? Object.keys(values) : [],
    ]),
  );
}
