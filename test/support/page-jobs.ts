import type { DenialReason } from '../../proxy/policy/denials.js';

/** A job of the node that the page is shown with. Steps are of ten seconds, in the hour before. */
export interface PageJob {
  readonly id: string;
  /** What people call it, as it comes to the page. */
  readonly name?: string;
  readonly domains: readonly string[];
  readonly reached: readonly string[];
  readonly refused: readonly {
    readonly host: string;
    readonly port: number;
    readonly reason: DenialReason;
    readonly perMinute: number;
  }[];
  readonly from: number;
  readonly until?: number;
  /** Of its limit. */
  readonly load: number;
  readonly seed: number;
  readonly budget?: string;
  /** Run by serve itself; what it has written. */
  readonly log?: string;
  readonly failed?: string;
  readonly breaches?: readonly string[];
}

/** The one that has a view of its own in the pictures. */
export const SHOWN_JOB = 'fetch-weather-7f3a';

const MARKUP = '<img src=x onerror="document.title=`owned`"><script>document.title="owned"</script>';

/** Names that strangers could think of; the last two are past what serve lets through, for the page has to stand alone. */
export const HOSTILE_NAMES = [
  MARKUP,
  `"quoted" & 'single' &lt;b&gt; \${7*7} {{7*7}}`,
  'rocket 🚀 数据 Zażółć gęślą',
  'שלום עולם: מטלה',
  `very-long-${'x'.repeat(118)}`,
  'invoice\u202Egnp.exe',
  'first line\nsecond\u0007line\u001b[31m',
] as const;

const LOG = [
  'fetching https://data.example.com/stations?page=1 … 200, 1.9 MB',
  'fetching https://data.example.com/stations?page=2 … 200, 2.0 MB',
  'telemetry: 403 domain-not-allowed, going on without',
  '\u001b[32mok\u001b[0m 4,113 stations, 0 errors',
  '<b>not markup</b> & no \u202Etrick',
  'fetching https://data.example.com/stations?page=3 … 200, 1.8 MB',
  '',
].join('\n');

const shown: PageJob = {
  ...{ id: SHOWN_JOB, name: 'fetch-weather', domains: ['.example.com', '192.0.2.1'], log: LOG },
  reached: ['data.example.com', 'api.example.com', 'cdn.example.com'],
  refused: [
    { host: 'stats.tracker.example', port: 443, reason: 'domain-not-allowed', perMinute: 2 },
    { host: 'eu.tracker.example', port: 443, reason: 'domain-not-allowed', perMinute: 0.6 },
    { host: 'inside.example.com', port: 443, reason: 'address-not-public', perMinute: 0.4 },
    { host: 'data.example.com', port: 8022, reason: 'port-not-allowed', perMinute: 0.05 },
  ],
  ...{ from: 3, load: 0.85, seed: 3 },
};

const WORDS = [
  ...['train-7b', 'render-frames', 'nightly-index', 'fold-proteins', 'transcode-42', 'pip-install', 'npm-ci'],
  ...['crawl-docs', 'price-options', 'embed-wiki', 'unit-tests', 'build-images', 'sync-mirror', 'map-tiles'],
  ...['fit-model', 'genome-align', 'ocr-archive', 'lint-all', 'backup-db', 'fuzz-parser', 'simulate-flow'],
  ...['score-batch', 'translate-de', 'resize-media', 'etl-orders', 'graph-rank', 'train-tts', 'verify-chain'],
  ...['sweep-lr', 'merge-maps', 'plot-report', 'clean-logs'],
];

const TRACKERS = [
  ...[
    'telemetry.vendor.example',
    'o4501.ingest.errors.example',
    'www.adserver.example',
    'pool.miner.example',
  ],
  ...['registry.packages.example', 'beacon.vendor.example', 'api.chat.example'],
];

function usual(word: string, index: number): PageJob {
  const tracker = TRACKERS[index % TRACKERS.length] ?? '';
  const from = 5 + ((index * 53) % 300);
  const hasEnded = index % 4 === 3;
  return {
    id: `${word}-${((index + 11) * 7919).toString(16)}`,
    name: word,
    domains: ['.example.com', `${word}.example.net`],
    reached: ['data.example.com', `${word}.example.net`].slice(0, 1 + (index % 2)),
    refused:
      index % 3 === 0
        ? []
        : [{ host: tracker, port: 443, reason: 'domain-not-allowed', perMinute: 0.3 + (index % 5) * 0.7 }],
    from,
    ...(hasEnded && { until: Math.min(355, from + 40 + ((index * 31) % 50)) }),
    load: index % 6 === 5 ? 0 : ((index * 29) % 100) / 160,
    seed: index,
    ...(index === 2 && {
      breaches: ['it has NET_RAW: create it with --cap-drop NET_RAW'],
    }),
    ...(index === 7 && { log: 'starting\n', failed: 'the image registry.example/crawl:1 is not there' }),
  };
}

function hostile(name: string, index: number): PageJob {
  return {
    ...{ id: `job-${(index + 40).toString(16)}c0de`, name, domains: ['.example.com'], from: 200 + index * 7 },
    reached: ['data.example.com'],
    refused: [
      // A proxy shows no such host: that the page does not rely on it, is the point.
      { host: `${MARKUP.slice(0, 36)}.example`, port: 443, reason: 'domain-not-allowed', perMinute: 0.1 },
      {
        host: `${'a-rather-long-name-of-a-host.'.repeat(7)}example.org`,
        port: 80,
        reason: 'domain-not-allowed',
        perMinute: 0.1,
      },
    ],
    ...{ load: 0.1, seed: 50 + index },
    ...(index >= 5 && { until: 340 }),
  };
}

/** Forty, of which ten have ended. */
export const PAGE_JOBS: readonly PageJob[] = [shown, ...WORDS.map(usual), ...HOSTILE_NAMES.map(hostile)];
