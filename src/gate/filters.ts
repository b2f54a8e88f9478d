import { isRecord } from '../../admission/known-keys.js';
import { shown } from '../../admission/problem.js';
import { GateRefusal } from './refusal.js';

/**
 * The `filters` of a query, in either of the engine's spellings, as lists.
 *
 * @throws GateRefusal 400 for others than those that are known.
 */
export function readFilters(query: URLSearchParams, known: readonly string[]): Record<string, string[]> {
  if (!query.get('filters')) return {};
  const given = parsed(query);
  if (!given) throw new GateRefusal(400, 'jobgate: filters must be a JSON object');
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
  return Object.fromEntries(
    Object.entries(parsed(query) ?? {}).map(([name, values]) => [
      name,
      Array.isArray(values) ? values.map(String) : isRecord(values) ? Object.keys(values) : [],
    ]),
  );
}

function parsed(query: URLSearchParams): Record<string, unknown> | undefined {
  try {
    const given: unknown = JSON.parse(query.get('filters') ?? '{}');
    return isRecord(given) ? given : undefined;
  } catch {
    return undefined;
  }
}
