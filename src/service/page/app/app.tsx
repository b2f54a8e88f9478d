import { useEffect, useRef } from 'preact/hooks';
import { type Connection, useConnection } from './connection.js';
import { JobPage } from './job.js';
import { JobsPage } from './jobs.js';
import { OverviewPage } from './overview.js';
import { State } from './parts.js';
import { useView, type View } from './route.js';

const SAID: Readonly<Record<Connection, string>> = {
  connecting: 'connecting',
  live: 'live',
  lost: 'lost',
};

export function App() {
  const view = useView();
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const place = `${view.name}/${view.id ?? ''}`;
  useEffect(() => {
    // A job sets its own.
    if (view.id === undefined) document.title = view.name === '' ? 'jobgate' : 'Jobs – jobgate';
    // Whoever follows a link by keyboard goes on in what it led to.
    if (!isFirst.current) {
      main.current?.focus();
      scrollTo(0, 0);
    }
    isFirst.current = false;
  }, [place]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { target, key, ctrlKey, metaKey, altKey } = event;
      if (key !== '/' || ctrlKey || metaKey || altKey) return;
      if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) return;
      event.preventDefault();
      const find = document.getElementById('find');
      if (find) find.focus();
      else location.hash = '#/jobs';
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to what is shown
      </button>
      <header class="top">
        <a class="brand" href="#/">
          jobgate
        </a>
        <nav aria-label="Views">
          <a href="#/" aria-current={view.name === '' ? 'page' : undefined}>
            Overview
          </a>
          <a href="#/jobs" aria-current={view.name === '' ? undefined : 'page'}>
            Jobs
          </a>
        </nav>
        <Connected />
      </header>
      <main ref={main} tabIndex={-1} id="main">
        <Shown key={place} view={view} />
      </main>
    </>
  );
}

function Connected() {
  const connection = useConnection();
  return (
    <p class="connection" role="status">
      <State>{SAID[connection]}</State>
      {connection === 'lost' && <span> The connection to jobgate is lost; trying again.</span>}
    </p>
  );
}

function Shown({ view: { name, id, query } }: { view: View }) {
  if (name === '' && id === undefined) return <OverviewPage />;
  if (name === 'jobs' && id === undefined) return <JobsPage query={query} />;
  if ((name === 'jobs' || name === 'gateways') && id !== undefined) return <JobPage kind={name} id={id} />;
  return (
    <>
      <h1>Not here</h1>
      <p>
        There is no such view. <a href="#/">Overview</a>
      </p>
    </>
  );
}
