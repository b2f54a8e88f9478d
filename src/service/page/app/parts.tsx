import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { visible } from '../../../visible.js';
import { exact, span } from './format.js';

/** What somebody else wrote, as text in one line, whichever way it runs: what would be obeyed is shown instead. */
export function Text({ children }: { children: string }) {
  return <bdi>{visible(children).replaceAll('\n', '\\n').replaceAll('\t', '\\t')}</bdi>;
}

/** So long ago, with the exact time as its title. */
export function Ago({ time }: { time: string }) {
  const now = useNow();
  const date = new Date(time);
  const ms = now - date.getTime();
  return (
    <time dateTime={time} title={exact(date)}>
      {ms < 0 ? `in ${span(-ms)}` : ms < 5_000 ? 'just now' : `${span(ms)} ago`}
    </time>
  );
}

const TICK_MS = 5_000;

function useNow(): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

const GOOD = new Set(['open', 'running', 'intact', 'ready', 'listening', 'alive', 'accepted', 'live']);
const BAD = new Set(['failed', 'broken', 'away', 'closed to all', 'dead', 'refused', 'not enforced', 'lost']);

/** A state: by its word, and by a colour beside. */
export function State({ children }: { children: string }) {
  const kind = GOOD.has(children) ? 'good' : BAD.has(children) ? 'bad' : 'idle';
  return <span class={`state ${kind}`}>{children}</span>;
}

/** A part of a view, with a heading. */
export function Card(props: { title: string; more?: ComponentChildren; children: ComponentChildren }) {
  const id = `card-${props.title.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`;
  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{props.title}</h2>
        {props.more}
      </header>
      {props.children}
    </section>
  );
}

/** A figure and what it is of. */
export function Tile({
  label,
  children,
  more,
}: {
  label: string;
  children: ComponentChildren;
  more?: ComponentChildren;
}) {
  return (
    <div class="tile">
      <dt>{label}</dt>
      <dd>
        <strong>{children}</strong>
        {more !== undefined && <span class="dim"> {more}</span>}
      </dd>
    </div>
  );
}

/** Puts a text on the clipboard, and says so. */
export function Copy({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [said, say] = useState('');
  const copy = async () => {
    say((await copied(text)) ? 'Copied' : 'Select it');
    setTimeout(() => say(''), 2_000);
  };
  return (
    <button type="button" class="small" onClick={copy} aria-label={`${label} ${text}`}>
      <span aria-live="polite">{said || label}</span>
    </button>
  );
}

async function copied(text: string): Promise<boolean> {
  // Over plain HTTP, but of this machine, a browser has no clipboard.
  if (navigator.clipboard) {
    const done = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
    if (done) return true;
  }
  const area = Object.assign(document.createElement('textarea'), { value: text, className: 'unseen' });
  const before = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
