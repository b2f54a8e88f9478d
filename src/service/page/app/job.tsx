import { useEffect, useState } from 'preact/hooks';
import { visible } from '../../../visible.js';
import { allow } from './allow.js';
import { Chart } from './chart.js';
import { alarmOf, hasEnded, nameOf, stateOf } from './entry.js';
import { count, rate, size, span } from './format.js';
import { ratesOf } from './history.js';
import { hostGroups } from './host-groups.js';
import { AccountCard } from './job-account.js';
import { AllowedHosts, RefusedHosts } from './job-hosts.js';
import { JobLog } from './job-log.js';
import { Budget, Policy } from './job-policy.js';
import { Ago, Card, Copy, State, Text, Tile } from './parts.js';
import { Refusals } from './refusals.js';
import type { Entry, GatewayView, History } from './server-types.js';
import { type Kind, type Live, useJob } from './use-job.js';

/** One job, and what it did. */
export function JobPage({ kind, id }: { kind: Kind; id: string }) {
  const { value, problem, reload, live } = useJob(kind, id);
  const [said, say] = useState('');
  const name = value && nameOf(value.entry);
  useEffect(() => {
    if (name !== undefined) document.title = `${visible(name)} – jobgate`;
  }, [name]);
  if (!value) {
    return problem ? (
      <>
        <h1>Not here</h1>
        <p role="alert">
          {problem.status === 404 ? 'This job is not known, or not any more.' : problem.message}
        </p>
        <p>
          <a href="#/jobs">All jobs</a>
        </p>
      </>
    ) : (
      <p class="dim">Loading…</p>
    );
  }
  const { entry, history, account, signature } = value;
  const { gateway, run } = entry;
  const groups = gateway && hostGroups(gateway.figures.hosts);
  const onAllow =
    gateway?.state === 'open'
      ? async (entries: readonly string[]) => {
          say('');
          try {
            await allow(gateway, entries);
            say(`${name} may reach ${entries.join(', ')} from now on.`);
          } catch (error) {
            say((error as Error).message);
          }
          reload();
        }
      : undefined;
  return (
    <>
      <Heading entry={entry} />
      <p class="said" role="status">
        {said}
      </p>
      {!gateway && <p>This job has no gateway{run?.network && `: its network is ${run.network.Type}`}.</p>}
      {gateway && <Figures gateway={gateway} live={live} />}
      <div class="columns">
        <div>
          {gateway && groups && (
            <>
              <RateCard gateway={gateway} history={history} live={live} />
              <RefusedHosts
                key={gateway.id}
                groups={groups.refused}
                policy={{ domains: new Set(gateway.domains), onAllow }}
              />
              <Refusals history={history} />
              <AllowedHosts groups={groups.allowed} />
            </>
          )}
          {run ? <JobLog job={run.id} /> : <NoLog />}
        </div>
        {gateway && (
          <div>
            <Policy gateway={gateway} account={account} />
            <Budget gateway={gateway} />
            <AccountCard gateway={gateway.id} account={account} signature={signature} />
          </div>
        )}
      </div>
    </>
  );
}

function NoLog() {
  return (
    <Card title="Log">
      <p class="dim">
        This serve does not run the job, so it has no log of it: ask who started the container.
      </p>
    </Card>
  );
}

function Heading({ entry }: { entry: Entry }) {
  const { gateway, run, job, execution } = entry;
  const state = stateOf(entry);
  const alarm = alarmOf(entry);
  const created = run?.created ?? gateway?.created;
  const ended = run?.ended ?? gateway?.ended;
  const reason = run?.reason ?? gateway?.reason;
  const ids = [
    ['job', job],
    ['execution', execution],
    ['gateway', gateway?.id],
  ].filter((pair): pair is [string, string] => pair[1] !== undefined);
  return (
    <header class="heading">
      <h1>
        <Text>{nameOf(entry)}</Text> <State>{state}</State>
        {alarm !== undefined && alarm !== state && <State>{alarm}</State>}
      </h1>
      <p class="ids">
        {ids.map(([what, id]) => (
          <span key={what}>
            {what} <code>{id}</code> <Copy text={id} />
          </span>
        ))}
      </p>
      <p class="dim">
        {created !== undefined && (
          <>
            started <Ago time={created} />
          </>
        )}
        {ended !== undefined && (
          <>
            , ended <Ago time={ended} />
          </>
        )}
        {run && (
          <>
            , image <Text>{run.image}</Text>
          </>
        )}
        {run?.result &&
          `, ${run.result.how}${run.result.exitCode === null ? '' : ` with ${run.result.exitCode}`}`}
      </p>
      {reason !== undefined && (
        <p class={hasEnded(entry) && !alarm ? 'dim' : 'bad'}>
          <Text>{reason}</Text>
        </p>
      )}
      {gateway?.abandonedSince !== undefined && (
        <p class="bad">
          Its node has not followed it since <Ago time={gateway.abandonedSince} />.
        </p>
      )}
      <Breaches containers={gateway?.containers ?? []} />
    </header>
  );
}

function Breaches({ containers }: { containers: GatewayView['containers'] }) {
  const broken = containers.filter(({ enforced }) => !enforced);
  if (broken.length === 0) return null;
  return (
    <ul class="bad">
      {broken.map(({ id, name, breaches }) => (
        <li key={id}>
          <Text>{`${name} is not enforced: ${breaches.join('; ')}`}</Text>
        </li>
      ))}
    </ul>
  );
}

function Figures({ gateway, live }: { gateway: GatewayView; live: Live }) {
  const figures = live.figures ?? gateway.figures;
  const now = live.now ?? gateway.figures.now;
  const waited = figures.throttledMs.up + figures.throttledMs.down;
  const isOver = gateway.state === 'closed';
  return (
    <dl class="tiles">
      <Tile label={isOver ? 'Down' : 'Down now'} more={!isOver && `${size(figures.down)} in all`}>
        {isOver ? size(figures.down) : rate(now.down)}
      </Tile>
      <Tile label={isOver ? 'Up' : 'Up now'} more={!isOver && `${size(figures.up)} in all`}>
        {isOver ? size(figures.up) : rate(now.up)}
      </Tile>
      <Tile label="Allowed" more={!isOver && `${count(figures.connections)} open`}>
        {count(figures.allowed)}
      </Tile>
      <Tile label="Refused">{figures.denied > 0 ? <b class="bad">{count(figures.denied)}</b> : '0'}</Tile>
      <Tile label="Waited for its limit">{span(waited)}</Tile>
    </dl>
  );
}

const RANGES = { '10 min': 600, '1 h': 3_600 } as const;
type Range = keyof typeof RANGES;

interface RateProps {
  gateway: GatewayView;
  history: History | undefined;
  live: Live;
}

function RateCard({ gateway, history, live }: RateProps) {
  const isYoung = (history?.up.length ?? 0) * (history?.step ?? 0) < 600_000;
  const [chosen, choose] = useState<Range>();
  const range = chosen ?? (isYoung ? '10 min' : '1 h');
  const { times, up, down } = ratesOf(history, live.rates);
  const { rate: limit } = gateway;
  return (
    <Card
      title="Rate"
      more={
        <fieldset class="choice">
          <legend class="unseen">Time that is shown</legend>
          {(Object.keys(RANGES) as Range[]).map((one) => (
            <button
              key={one}
              type="button"
              class="small"
              aria-pressed={one === range}
              onClick={() => choose(one)}
            >
              {one}
            </button>
          ))}
        </fieldset>
      }
    >
      <Chart
        label="Rate of the job"
        times={times}
        lines={[
          { label: 'down', color: 'down', values: down },
          { label: 'up', color: 'up', values: up },
        ]}
        format={rate}
        limit={limit === null ? undefined : { label: 'limit', value: limit }}
        least={limit === null ? 1e6 : limit}
        range={RANGES[range]}
      />
    </Card>
  );
}
