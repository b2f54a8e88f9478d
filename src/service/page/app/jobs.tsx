import { useEffect, useRef, useState } from 'preact/hooks';
import { count, rate, size } from './format.js';
import { Ago, State, Text } from './parts.js';
import { noteQuery } from './route.js';
import { COLUMNS, type Column, type Row, rowOf, type Sort, sorted, WHICH, type Which } from './rows.js';
import { useEntries } from './use-entries.js';

const PAGE_ROWS = 100;

const TITLES: Readonly<Record<Column, string>> = {
  name: 'Job',
  state: 'State',
  down: 'Down',
  up: 'Up',
  bytes: 'In all',
  refused: 'Refused',
  started: 'Started',
};
const CHOICES: Readonly<Record<Which, string>> = {
  all: 'All',
  running: 'Running',
  ended: 'Ended',
  refused: 'With refusals',
  alarm: 'To look at',
};

/** All jobs, running and ended. */
export function JobsPage({ query }: { query: URLSearchParams }) {
  const { entries, problem, live } = useEntries();
  const [sort, setSort] = useState<Sort>(() => sortOf(query));
  const [which, setWhich] = useState<Which>(() => whichOf(query));
  const [text, setText] = useState(query.get('find') ?? '');
  const [page, setPage] = useState(Number(query.get('page') ?? 1) || 1);
  const body = useRef<HTMLTableSectionElement>(null);
  const order = useRef<readonly string[]>([]);
  useEffect(() => {
    const [by, direction] = [sort.by, sort.order];
    noteQuery('jobs', {
      sort: by === 'started' && direction === 'descending' ? undefined : `${by}-${direction}`,
      show: which === 'all' ? undefined : which,
      find: text,
      page: page === 1 ? undefined : String(page),
    });
  }, [sort, which, text, page]);

  const rows = entries?.map((entry) => rowOf(entry, live)) ?? [];
  const wanted = text.trim().toLowerCase();
  const found = sorted(
    rows.filter((row) => WHICH[which](row) && (wanted === '' || row.text().includes(wanted))),
    sort,
  );
  const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
  const at = Math.min(page, pages);
  const shown = steady(found.slice((at - 1) * PAGE_ROWS, at * PAGE_ROWS), order, body.current);
  const choose = (next: () => void) => {
    order.current = [];
    setPage(1);
    next();
  };
  return (
    <>
      <h1>Jobs</h1>
      <search class="filters">
        <label>
          <span>Find</span>
          <input
            id="find"
            type="search"
            value={text}
            placeholder="name, id, host: press /"
            autocomplete="off"
            onInput={({ currentTarget }) => choose(() => setText(currentTarget.value))}
          />
        </label>
        <label>
          <span>Show</span>
          <select
            value={which}
            onChange={({ currentTarget }) => choose(() => setWhich(currentTarget.value as Which))}
          >
            {Object.entries(CHOICES).map(([value, title]) => (
              <option key={value} value={value}>
                {title}
              </option>
            ))}
          </select>
        </label>
        <p role="status">{entries ? `${count(found.length)} of ${count(rows.length)}` : 'Loading…'}</p>
      </search>
      {problem && <p role="alert">{problem.message}</p>}
      <table class="jobs">
        <caption class="unseen">Jobs; the buttons in its head sort it</caption>
        <Head sort={sort} onSort={(next) => choose(() => setSort(next))} />
        <tbody ref={body}>
          {shown.map((row) => (
            <JobRow key={row.key} row={row} />
          ))}
        </tbody>
      </table>
      {entries && found.length === 0 && (
        <p class="dim">{rows.length === 0 ? 'No job has come yet.' : 'No job is like that.'}</p>
      )}
      {pages > 1 && (
        <nav class="pages" aria-label="Pages of jobs">
          <button type="button" disabled={at === 1} onClick={() => setPage(at - 1)}>
            Previous
          </button>
          <span>
            {at} of {pages}
          </span>
          <button type="button" disabled={at === pages} onClick={() => setPage(at + 1)}>
            Next
          </button>
        </nav>
      )}
    </>
  );
}

function Head({ sort, onSort }: { sort: Sort; onSort: (sort: Sort) => void }) {
  return (
    <thead>
      <tr>
        {(Object.keys(COLUMNS) as Column[]).map((by) => {
          const isText = by === 'name' || by === 'state';
          const isSorted = by === sort.by;
          const first = isText ? 'ascending' : 'descending';
          const other = sort.order === 'ascending' ? 'descending' : 'ascending';
          return (
            <th
              key={by}
              scope="col"
              class={`in-${by}${isText || by === 'started' ? '' : ' number'}`}
              aria-sort={isSorted ? sort.order : 'none'}
            >
              <button type="button" onClick={() => onSort({ by, order: isSorted ? other : first })}>
                {TITLES[by]}
                <span class="arrow" aria-hidden="true">
                  {isSorted ? (sort.order === 'ascending' ? '▲' : '▼') : ''}
                </span>
              </button>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

function JobRow({ row }: { row: Row }) {
  const { name, ids, state, alarm, down, up, bytes, refused, topRefused, started, ended } = row;
  return (
    <tr class={row.hasEnded ? 'ended' : undefined}>
      <th scope="row" class="in-name">
        <a href={row.href}>
          <Text>{name}</Text>
        </a>
        {ids.length > 0 && <small class="ids">{ids.join(' · ')}</small>}
        <small class="narrow">
          <State>{alarm ?? state}</State>
        </small>
      </th>
      <td class="in-state">
        <State>{state}</State> {alarm !== undefined && alarm !== state && <State>{alarm}</State>}
      </td>
      <td class="in-down number">{row.hasEnded ? '–' : rate(down)}</td>
      <td class="in-up number">{row.hasEnded ? '–' : rate(up)}</td>
      <td class="in-bytes number">{size(bytes)}</td>
      <td class="in-refused number">
        {refused > 0 ? <b class="bad">{count(refused)}</b> : '0'}
        {topRefused !== undefined && (
          <small>
            <Text>{topRefused}</Text>
          </small>
        )}
      </td>
      <td class="in-started">
        <Ago time={started} />
        {ended !== undefined && (
          <small>
            ended <Ago time={ended} />
          </small>
        )}
      </td>
    </tr>
  );
}

/** Rows in the order in which they are, while somebody points at one of them: what is clicked on is what was seen. */
function steady(
  rows: Row[],
  order: { current: readonly string[] },
  body: HTMLElement | null,
): readonly Row[] {
  const places = new Map(order.current.map((key, index) => [key, index]));
  const isHeld = body?.matches(':hover, :focus-within') && rows.every(({ key }) => places.has(key));
  const shown = isHeld ? rows.sort((a, b) => (places.get(a.key) ?? 0) - (places.get(b.key) ?? 0)) : rows;
  order.current = shown.map(({ key }) => key);
  return shown;
}

function sortOf(query: URLSearchParams): Sort {
  const [by = '', order] = (query.get('sort') ?? '').split('-');
  if (!Object.hasOwn(COLUMNS, by)) return { by: 'started', order: 'descending' };
  return { by: by as Column, order: order === 'ascending' ? 'ascending' : 'descending' };
}

function whichOf(query: URLSearchParams): Which {
  const which = query.get('show') ?? '';
  return Object.hasOwn(WHICH, which) ? (which as Which) : 'all';
}
