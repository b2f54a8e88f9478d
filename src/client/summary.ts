import type { Entry } from './entries.js';

/** What `ps` says of one job. Rates are bit/s, sizes bytes. */
export interface Summary {
  readonly job: string;
  /** What people call it, where that is not its id. */
  readonly name?: string;
  readonly execution?: string;
  readonly gateway?: string;
  readonly state: string;
  readonly created: string;
  readonly ended?: string;
  readonly exitCode?: number;
  readonly rate: { readonly down: number; readonly up: number };
  readonly bytes: { readonly down: number; readonly up: number };
  readonly refused: number;
  readonly topRefused?: { readonly host: string; readonly port: number; readonly count: number };
}

export function summary({ job, execution, gateway, run }: Entry): Summary {
  const { up = 0, down = 0, now, denied = 0, hosts = [] } = gateway?.figures ?? {};
  const top = hosts
    .map(({ host, port, denied: reasons }) => ({
      host,
      port,
      count: Object.values(reasons).reduce((sum, count) => sum + count, 0),
    }))
    .reduce((most, one) => (one.count > most.count ? one : most), { host: '', port: 0, count: 0 });
  const name = run?.name ?? gateway?.name ?? job;
  const exitCode = run?.result?.exitCode;
  const ended = run?.ended ?? gateway?.ended;
  return {
    job,
    ...(name !== job && { name }),
    ...(execution !== undefined && { execution }),
    ...(gateway && { gateway: gateway.id }),
    state: run?.state ?? gateway?.state ?? '',
    created: run?.created ?? gateway?.created ?? '',
    ...(ended !== undefined && { ended }),
    ...(typeof exitCode === 'number' && { exitCode }),
    rate: { down: now?.down ?? 0, up: now?.up ?? 0 },
    bytes: { down, up },
    refused: denied,
    ...(top.count > 0 && { topRefused: top }),
  };
}
