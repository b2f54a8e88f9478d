import { parseArgs } from 'node:util';

export interface Options {
  /** Names of the sections to run; empty: all. */
  readonly only: readonly string[];
  /** Other proxies as well, as far as they are installed. */
  readonly peers: boolean;
  /** Another checkout of jobgate, built, for the same work side by side. */
  readonly against: string | undefined;
  /** Where to write the figures. */
  readonly json: string | undefined;
  /** Whether docs/benchmarks.md gets the tables. */
  readonly docs: boolean;
  /** Gateways that are open while others are timed. */
  readonly gateways: number;
  /** Most gateways of the section `many`. */
  readonly many: number;
  readonly quick: boolean;
  /** Rounds of everything; each round does the work of all contenders once. */
  readonly rounds: number;
  /** How long a measurement runs, ms, after `warmMs` that don't count. */
  readonly ms: number;
  readonly warmMs: number;
}

export const USAGE = `npm run bench -- [--quick] [--only NAME]… [--peers] [--against DIR] [--gateways N] [--many N] [--json FILE] [--docs]`;

/** Throws on an argument that is not understood. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      against: { type: 'string' },
      json: { type: 'string' },
      docs: { type: 'boolean', default: false },
      gateways: { type: 'string', default: '400' },
      many: { type: 'string', default: '2000' },
      rounds: { type: 'string' },
    },
  });
  const { quick, peers, against, json, docs } = values;
  return {
    only: values.only.flatMap((names) => names.split(',')),
    peers,
    against,
    json,
    docs,
    quick,
    gateways: Number(values.gateways),
    many: Number(values.many),
    rounds: Number(values.rounds ?? (quick ? 1 : 5)),
    ms: quick ? 500 : 1000,
    warmMs: quick ? 200 : 300,
  };
}
