import { useRef, useState } from 'preact/hooks';
import { joined } from '../../../client/entries.js';
import { ApiProblem, ask, path } from './api.js';
import { useEvents } from './connection.js';
import { LiveRates, type Rates } from './history.js';
import type {
  Account,
  Entry,
  FiguresMessage,
  GatewayFigures,
  GatewayView,
  History,
  JobView,
} from './server-types.js';
import { useData } from './use-data.js';

export type Kind = 'jobs' | 'gateways';

interface JobData {
  readonly entry: Entry;
  /** For `If-Match`. */
  readonly history: History | undefined;
  readonly account: Account | undefined;
  /** Whether a key signs it. */
  readonly signature: string | undefined;
}

export interface Live {
  readonly figures: GatewayFigures | undefined;
  readonly now: { readonly up: number; readonly down: number } | undefined;
  readonly rates: Rates;
}

const EVERY_MS = 10_000;
const EMPTY: Rates = { times: [], up: [], down: [] };

/** One job, with all that the server knows of it; its figures anew once a second. */
export function useJob(kind: Kind, id: string) {
  const [live, setLive] = useState<Live>();
  const rates = useRef({ of: '', rates: new LiveRates(), decisions: 0 });
  const { value, problem, reload } = useData(`${kind} ${id}`, () => askFor(kind, id), { every: EVERY_MS });
  const gateway = value?.entry.gateway;
  const hasGateway = gateway !== undefined && gateway.state !== 'closed';
  const query = hasGateway
    ? `types=gateway&figures=1&gateway=${encodeURIComponent(gateway.id)}`
    : `types=job&job=${encodeURIComponent(value?.entry.job ?? '')}`;
  useEvents(
    value && query,
    {
      gateway: reload,
      job: reload,
      figures: (data) => {
        const { time, gateways } = data as FiguresMessage;
        const figures = gateways.find((one) => one.id === gateway?.id);
        if (!figures) return;
        if (rates.current.of !== figures.id) {
          rates.current = { of: figures.id, rates: new LiveRates(), decisions: 0 };
        }
        const decisions = figures.allowed + figures.denied;
        // What was decided is by host in what the server is asked for.
        if (rates.current.decisions !== decisions) reload();
        rates.current.decisions = decisions;
        rates.current.rates.add(Date.parse(time), figures);
        setLive({ figures, now: rates.current.rates.now, rates: rates.current.rates.rates });
      },
    },
    reload,
  );
  const isOurs = hasGateway && rates.current.of === gateway.id;
  const shown: Live = (isOurs && live) || { figures: undefined, now: undefined, rates: EMPTY };
  return { value, problem, reload, live: shown };
}

async function askFor(kind: Kind, id: string): Promise<JobData> {
  const entry = await entryOf(kind, id);
  const { gateway } = entry;
  if (!gateway) return { entry, history: undefined, account: undefined, signature: undefined };
  const [history, account] = await Promise.all([
    orNone(ask<History>(path`/v1/gateways/${gateway.id}/history`)),
    orNone(accountOf(gateway.id)),
  ]);
  return { entry, history, account: account?.account, signature: account?.signature };
}

async function entryOf(kind: Kind, id: string): Promise<Entry> {
  if (kind === 'jobs') {
    const [run, { gateways }] = await Promise.all([
      ask<JobView>(path`/v1/jobs/${id}`),
      ask<{ gateways: GatewayView[] }>(path`/v1/gateways?job=${id}&state=open,draining,failed,closed`),
    ]);
    return joined(gateways, [run]).find((one) => one.run) as Entry;
  }
  const gateway = await ask<GatewayView>(path`/v1/gateways/${id}`);
  const run = gateway.ofJob ? await orNone(ask<JobView>(path`/v1/jobs/${gateway.jobId}`)) : undefined;
  return joined([gateway], run ? [run] : []).find((one) => one.gateway) as Entry;
}

async function accountOf(gateway: string) {
  const answer = await fetch(path`/v1/gateways/${gateway}/account`);
  if (!answer.ok) throw new ApiProblem(answer.status, '');
  const signature = answer.headers.get('Jobgate-Signature') ?? undefined;
  return { account: (await answer.json()) as Account, signature };
}

/** What may be gone already, or never was. */
async function orNone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return undefined;
    throw error;
  }
}
