import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { clock } from './format.js';

export interface Line {
  readonly label: string;
  /** Of a variable of the style sheet: `down` is `--down`. */
  readonly color: string;
  readonly values: readonly (number | null)[];
  /** Filled from the bottom, in steps. */
  readonly bars?: boolean;
}

interface ChartProps {
  readonly label: string;
  /** Seconds since 1970. */
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** A line across: what the values stay below. */
  readonly limit?: { readonly label: string; readonly value: number } | undefined;
  /** The least that the axis of values reaches to. */
  readonly least?: number;
  /** Seconds that are shown, up to the last time. */
  readonly range: number;
}

const HEIGHT = 200;
/** What a bar is of. */
const BAR_SECONDS = 60;

/**
 * Values over time, with axes. Under the pointer, and with the arrow keys, their figures are told below; else the last
 * ones are.
 */
export function Chart(props: ChartProps) {
  const { label, times, lines, format, limit } = props;
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [at, setAt] = useState<number>();
  const scheme = useScheme();
  const latest = useRef(props);
  latest.current = props;
  const data = useMemo(() => dataOf(props), [times, lines, limit?.value]);
  const shape = [scheme, ...lines.map(({ color }) => color), limit && 'limit'].join();
  useEffect(() => {
    const element = holder.current;
    if (!element) return;
    const made = new uPlot(optionsOf(latest, element, setAt), data, element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data), [data]);

  const move = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -times.length, End: times.length }[event.key];
    if (step === undefined || times.length === 0) return;
    event.preventDefault();
    const last = times.length - 1;
    const next = Math.min(last, Math.max(0, (at ?? last) + step));
    setAt(next);
    plot.current?.setCursor({ left: plot.current.valToPos(times[next] ?? 0, 'x'), top: 0 });
  };
  const shown = at !== undefined && at < times.length ? at : times.length - 1;
  return (
    <figure class="chart">
      <div
        ref={holder}
        class="plot"
        role="img"
        aria-label={`${label}: left and right read its values`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: its arrow keys read the values
        tabIndex={0}
        onKeyDown={move}
        onBlur={() => setAt(undefined)}
      />
      <figcaption aria-live={at === undefined ? 'off' : 'polite'}>
        {times.length === 0 ? (
          'nothing yet'
        ) : (
          <>
            <span class="dim">
              {at === undefined ? 'latest' : clock(new Date((times[shown] ?? 0) * 1000))}
            </span>
            {lines.map(({ label: name, color, values }) => (
              <span key={name}>
                <i class={`key ${color}`} aria-hidden="true" /> {name} <b>{format(values[shown] ?? 0)}</b>
              </span>
            ))}
            {limit && (
              <span>
                <i class="key limit" aria-hidden="true" /> {limit.label} <b>{format(limit.value)}</b>
              </span>
            )}
          </>
        )}
      </figcaption>
    </figure>
  );
}

function dataOf({ times, lines, limit }: ChartProps): uPlot.AlignedData {
  const across = limit ? [times.map(() => limit.value)] : [];
  return [[...times], ...lines.map(({ values }) => [...values]), ...across];
}

function optionsOf(
  latest: { readonly current: ChartProps },
  element: HTMLElement,
  onCursor: (index: number | undefined) => void,
): uPlot.Options {
  const { lines, limit } = latest.current;
  const color = (name: string) => colorOf(element, name);
  const axis = {
    stroke: color('dim'),
    font: `12px ${getComputedStyle(element).fontFamily}`,
    grid: { stroke: color('grid'), width: 1 },
    ticks: { stroke: color('grid'), width: 1, size: 4 },
  };
  const pad = lines.some((line) => line.bars) ? BAR_SECONDS / 2 : 0;
  const bars = uPlot.paths.bars?.({ size: [0.7, 24] });
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: {
        time: true,
        range: (_plot, _min, max) => [max - latest.current.range, max + pad],
      },
      y: {
        range: (_plot, _min, max) => [0, Math.max((max ?? 0) * 1.08, latest.current.least ?? 1)],
      },
    },
    axes: [
      {
        ...axis,
        size: 28,
        space: 64,
        values: (_plot, splits) => splits.map((one) => clock(new Date(one * 1000)).slice(0, 5)),
        incrs: [60, 120, 300, 600, 900, 1800, 3600],
      },
      {
        ...axis,
        size: 76,
        space: 36,
        values: (_plot, splits) => splits.map((one) => latest.current.format(one)),
      },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.label,
        stroke: color(line.color),
        width: line.bars ? 0 : 1.5,
        fill: line.bars ? color(line.color) : faint(color(line.color)),
        points: { show: false },
        ...(line.bars && bars && { paths: bars }),
      })),
      ...(limit ? [{ stroke: color('dim'), width: 1, dash: [5, 4], points: { show: false } }] : []),
    ],
    hooks: {
      setCursor: [
        ({ cursor }) => {
          if (cursor.left !== undefined) onCursor(cursor.left < 0 ? undefined : (cursor.idx ?? undefined));
        },
      ],
    },
  };
}

/** As it is where the element is, in this scheme: `rgb(…)`. */
function colorOf(element: HTMLElement, name: string): string {
  element.style.color = `var(--${name})`;
  const { color } = getComputedStyle(element);
  element.style.color = '';
  return color;
}

const faint = (color: string) => color.replace('rgb(', 'rgba(').replace(')', ', 0.14)');

/** `dark` or `light`: what is drawn has to be drawn again. */
function useScheme(): string {
  const [query] = useState(() => matchMedia('(prefers-color-scheme: dark)'));
  const [dark, set] = useState(query.matches);
  useEffect(() => {
    const onChange = () => set(query.matches);
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, [query]);
  return dark ? 'dark' : 'light';
}
