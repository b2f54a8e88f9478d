import { summary } from '../../../client/summary.js';
import { alarmOf, hasEnded, idsOf, nameOf, stateOf, viewOf } from './entry.js';
import type { LiveRates } from './history.js';
import type { Entry, GatewayFigures } from './server-types.js';

/** A job in the table. Rates are bit/s, sizes bytes. */
export interface Row {
  readonly key: string;
  readonly href: string;
  readonly name: string;
  readonly ids: readonly string[];
  readonly state: string;
  readonly alarm: string | undefined;
  readonly hasEnded: boolean;
  readonly down: number;
  readonly up: number;
  readonly bytes: number;
  readonly refused: number;
  readonly topRefused: string | undefined;
  readonly started: string;
  readonly ended: string | undefined;
  /** What the filter looks in. */
  readonly text: () => string;
}

type Live = ReadonlyMap<string, { readonly figures: GatewayFigures; readonly rates: LiveRates }>;

export function rowOf(entry: Entry, live: Live): Row {
  const { gateway } = entry;
  const said = summary(entry);
  const now = gateway && live.get(gateway.id);
  const bytes = now?.figures ?? said.bytes;
  const rate = now?.rates.now ?? said.rate;
  const ended = hasEnded(entry);
  const name = nameOf(entry);
  const state = now && !entry.run ? now.figures.state : stateOf(entry);
  return {
    key: viewOf(entry),
    href: viewOf(entry),
    name,
    ids: idsOf(entry),
    state,
    alarm: alarmOf(entry),
    hasEnded: ended,
    down: ended ? 0 : rate.down,
    up: ended ? 0 : rate.up,
    bytes: bytes.up + bytes.down,
    refused: now?.figures.denied ?? said.refused,
    topRefused: said.topRefused?.host,
    started: said.created,
    ended: said.ended,
    text: () => textOf(entry, state),
  };
}

function textOf({ job, execution, gateway, run }: Entry, state: string): string {
  const hosts = gateway?.figures.hosts.map(({ host }) => host) ?? [];
  return [run?.name, gateway?.name, job, execution, gateway?.id, state, ...(gateway?.domains ?? []), ...hosts]
    .join(' ')
    .toLowerCase();
}

export const COLUMNS = {
  name: (row: Row) => row.name.toLowerCase(),
  state: (row: Row) => row.state,
  down: (row: Row) => row.down,
  up: (row: Row) => row.up,
  bytes: (row: Row) => row.bytes,
  refused: (row: Row) => row.refused,
  started: (row: Row) => row.started,
} as const;

export type Column = keyof typeof COLUMNS;

export interface Sort {
  readonly by: Column;
  readonly order: 'ascending' | 'descending';
}

/** What is equal stays in the order of its start, the newest first. */
export function sorted(rows: readonly Row[], { by, order }: Sort): Row[] {
  const value = COLUMNS[by];
  const sign = order === 'ascending' ? 1 : -1;
  const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0);
  return [...rows].sort(
    (a, b) => sign * compare(value(a), value(b)) || compare(b.started, a.started) || compare(a.key, b.key),
  );
}

export const WHICH = {
  all: () => true,
  running: (row: Row) => !row.hasEnded,
  ended: (row: Row) => row.hasEnded,
  refused: (row: Row) => row.refused > 0,
  alarm: (row: Row) => row.alarm !== undefined,
} as const;

export type Which = keyof typeof WHICH;
