import { useRef, useState } from 'preact/hooks';
import { joined } from '../../../client/entries.js';
import { ask } from './api.js';
import { useEvents } from './connection.js';
import { LiveRates, NOW } from './history.js';
import type { Entry, FiguresMessage, GatewayFigures, GatewayView, JobView } from './server-types.js';
import { useData } from './use-data.js';

/** Figures of a second, and the rates of the last ones, bit/s. */
interface Live {
  readonly figures: GatewayFigures;
  readonly rates: LiveRates;
}

/** All jobs that the server has or remembers, and by gateway what its figures are by now: anew once a second. */
export function useEntries() {
  const live = useRef(new Map<string, Live>());
  const [, setTime] = useState('');
  const { value, problem, reload } = useData('entries', askAll);
  useEvents(
    'types=gateway,job&figures=1',
    {
      gateway: reload,
      job: reload,
      figures: (data) => {
        const { time, gateways } = data as FiguresMessage;
        const now = new Map<string, Live>();
        for (const figures of gateways) {
          const rates = live.current.get(figures.id)?.rates ?? new LiveRates(NOW);
          rates.add(Date.parse(time), figures);
          now.set(figures.id, { figures, rates });
        }
        live.current = now;
        setTime(time);
      },
    },
    reload,
  );
  return { entries: value, problem, live: live.current };
}

async function askAll(): Promise<Entry[]> {
  const [{ gateways }, { jobs }] = await Promise.all([
    ask<{ gateways: GatewayView[] }>('/v1/gateways?state=open,draining,failed,closed'),
    ask<{ jobs: JobView[] }>('/v1/jobs'),
  ]);
  return joined(gateways, jobs);
}
