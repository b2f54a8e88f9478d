import { ask } from './api.js';
import { Chart } from './chart.js';
import { useEvents } from './connection.js';
import { count, rate, size, some, span, times } from './format.js';
import { ratesOf } from './history.js';
import { Ago, Card, State, Text, Tile } from './parts.js';
import { Refusals } from './refusals.js';
import type { Overview } from './server-types.js';
import { useData } from './use-data.js';

const EVERY_MS = 5_000;
const HOUR = 3_600;
/** So many of the last are shown. */
const VERDICTS = 12;

/** The node as a whole. */
export function OverviewPage() {
  const { value, problem, reload } = useData('overview', () => ask<Overview>('/v1/overview'), {
    every: EVERY_MS,
  });
  useEvents('types=gateway,job,admission', { gateway: reload, job: reload, admission: reload }, reload);
  if (!value) return problem ? <p role="alert">{problem.message}</p> : <p class="dim">Loading…</p>;
  return <Node overview={value} />;
}

function Node({ overview }: { overview: Overview }) {
  const { history, gateways, jobs, containers, refused, admission } = overview;
  const rates = ratesOf(history);
  return (
    <>
      <h1>Overview</h1>
      <dl class="tiles">
        <Tile label="Down now" more={`up ${rate(overview.rate.up)}`}>
          {rate(overview.rate.down)}
        </Tile>
        <Tile label="Gateways open" more={others(gateways)}>
          {count(gateways.open)}
        </Tile>
        <Tile label="Jobs run here" more={`${count(jobs.ended)} ended, ${count(jobs.failed)} failed`}>
          {count(jobs.running)}
        </Tile>
        <Tile
          label="Containers enforced"
          more={containers.unenforced > 0 && <b class="bad">{`${count(containers.unenforced)} not`}</b>}
        >
          {count(containers.enforced)}
        </Tile>
        <Tile label="Refused" more={`in ${span(Date.now() - new Date(overview.since).getTime())}`}>
          {count(refused.total)}
        </Tile>
      </dl>
      <div class="columns">
        <div>
          <Card title="Rate, last hour">
            <Chart
              label="Rate of all gateways in the last hour"
              times={rates.times}
              lines={[
                { label: 'down', color: 'down', values: rates.down },
                { label: 'up', color: 'up', values: rates.up },
              ]}
              format={rate}
              least={1e6}
              range={HOUR}
            />
          </Card>
          <Refusals history={history} />
          <TopRefused refused={refused} />
        </div>
        <div>
          <Health overview={overview} />
          <Admission admission={admission} />
        </div>
      </div>
    </>
  );
}

function others({ draining, failed, ended }: Overview['gateways']): string {
  const some = [
    ...(draining > 0 ? [`${count(draining)} draining`] : []),
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
    `${count(ended)} ended`,
  ];
  return some.join(', ');
}

function Health({ overview: { lockdown, engine, gate, workers, version, since } }: { overview: Overview }) {
  return (
    <Card title="Health">
      <dl class="facts">
        <Fact label="Lock-down">
          <State>{lockdown.state}</State>
          {lockdown.state === 'none' && <small>all gateways are in containers</small>}
          {lockdown.checked !== undefined && (
            <small>
              looked at <Ago time={lockdown.checked} />
            </small>
          )}
          {lockdown.reason !== undefined && <small class="bad">{lockdown.reason}</small>}
        </Fact>
        <Fact label="Engine">
          <State>{engine.ready ? 'ready' : 'away'}</State>
          {engine.version !== undefined && <small>{engine.version}</small>}
          {engine.reason !== undefined && <small class="bad">{engine.reason}</small>}
        </Fact>
        <Fact label="Gate">
          {gate ? (
            <State>{gate.listening ? 'listening' : 'closed to all'}</State>
          ) : (
            <span class="dim">none</span>
          )}
        </Fact>
        <Fact label="jobgate">
          {version}{' '}
          <small>
            since <Ago time={since} />
          </small>
        </Fact>
      </dl>
      {workers && workers.list.length > 0 && <Workers workers={workers} />}
    </Card>
  );
}

function Workers({ workers: { deaths, list } }: { workers: NonNullable<Overview['workers']> }) {
  return (
    <table>
      <caption>
        Workers:{' '}
        <span class={deaths > 0 ? 'bad' : 'dim'}>
          {deaths === 0 ? 'none has died' : `${some(deaths, 'death')}`}
        </span>
      </caption>
      <thead>
        <tr>
          <th scope="col">Process</th>
          <th scope="col" class="number">
            Gateways
          </th>
          <th scope="col" class="number">
            Memory
          </th>
        </tr>
      </thead>
      <tbody>
        {list.map(({ pid, gateways, memory }) => (
          <tr key={pid}>
            <th scope="row">{pid}</th>
            <td class="number">{count(gateways)}</td>
            <td class="number">{memory === undefined ? '–' : size(memory)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Fact({ label, children }: { label: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function TopRefused({ refused: { top } }: { refused: Overview['refused'] }) {
  return (
    <Card title="Most refused">
      {top.length === 0 && <p class="dim">Nothing was refused.</p>}
      {top.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">Domain</th>
              <th scope="col" class="number">
                Times
              </th>
              <th scope="col" class="number not-narrow">
                Jobs
              </th>
              <th scope="col">Why</th>
            </tr>
          </thead>
          <tbody>
            {top.map(({ domain, hosts, gateways, count: refusals, reasons }) => (
              <tr key={domain}>
                <th scope="row">
                  <Text>{domain}</Text> {hosts > 1 && <small>{some(hosts, 'host')}</small>}
                </th>
                <td class="number">{count(refusals)}</td>
                <td class="number not-narrow">{count(gateways)}</td>
                <td>
                  {Object.entries(reasons)
                    .sort(([, a], [, b]) => b - a)
                    .map(([reason, number]) => `${reason}${refusals === number ? '' : ` ${times(number)}`}`)
                    .join(', ')}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

function Admission({ admission: { accepted, refused, last } }: { admission: Overview['admission'] }) {
  return (
    <Card
      title="Admission"
      more={<span class="dim">{`${count(accepted)} accepted, ${count(refused)} refused`}</span>}
    >
      {last.length === 0 && <p class="dim">Nobody has asked.</p>}
      <ol class="list">
        {last.slice(0, VERDICTS).map((verdict) => (
          <li key={`${verdict.time} ${verdict.job}`}>
            <State>{verdict.accepted ? 'accepted' : 'refused'}</State>{' '}
            {verdict.job !== undefined && (
              <b>
                <Text>{verdict.job}</Text>
              </b>
            )}{' '}
            <small>
              <Ago time={verdict.time} />
            </small>
            {verdict.reason !== '' && (
              <p>
                <Text>{verdict.reason}</Text>
              </p>
            )}
          </li>
        ))}
      </ol>
    </Card>
  );
}
