import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseJobFile } from '../../../admission/job-file.js';
import { cliHere } from '../../support/cli-here.js';
import { projectRoot } from '../../support/engine.js';

const HERE = import.meta.dirname;
const file = (folder: 'nodes' | 'jobs', name: string) => join(HERE, folder, name);

/** What a node's own configuration means to the node. */
interface Node {
  /** Networked jobs, said or by its version's silence; of a file that may be for several the one that takes more. */
  readonly takesNetworked: boolean;
  readonly takesStateless?: false;
  readonly onlyLocal?: true;
  /** Jobs that need what it has disabled. */
  readonly off?: readonly string[];
  /** Local paths that jobs may mount. */
  readonly mounts?: readonly ('/usr/share' | '/var/tmp:rw')[];
}

const NODES: Readonly<Record<string, Node>> = {
  'default-1.4.yaml': { takesNetworked: false },
  'default-1.6.yaml': { takesNetworked: false },
  'default-1.9.yaml': { takesNetworked: true },
  'seed-1.9.yaml': { takesNetworked: false },
  'seed-1.6.yaml': { takesNetworked: true },
  'seed-silent.yaml': { takesNetworked: true },
  'both-keys-1.6.5.yaml': { takesNetworked: false },
  'cluster-1.6.yaml': { takesNetworked: true },
  'local-paths-1.9.yaml': { takesNetworked: true, mounts: ['/usr/share', '/var/tmp:rw'] },
  'data-only-1.9.yaml': {
    takesNetworked: true,
    takesStateless: false,
    onlyLocal: true,
    mounts: ['/usr/share'],
  },
  'disabled-1.9.yaml': {
    takesNetworked: true,
    off: ['wasm.yaml', 'url.yaml', 'ops.yaml'],
    mounts: ['/usr/share'],
  },
  'capacity-1.3.yaml': { takesNetworked: true },
};

interface Job {
  /** It asks for a network by name; Default, and none in a file, is no such thing to a node. */
  readonly networked?: true;
  readonly input?: 'remote' | '/usr/share' | '/usr/share:rw' | '/var/tmp:rw';
}

const JOBS: Readonly<Record<string, Job>> = {
  'default.yaml': {},
  'none.yaml': {},
  'http.yaml': { networked: true },
  'host.yaml': { networked: true },
  'full.yaml': { networked: true },
  'bridge.yaml': { networked: true },
  'ports.yaml': { networked: true },
  'gpu.yaml': {},
  'partitioned.yaml': { input: 'remote' },
  'url.yaml': { input: 'remote' },
  'local.yaml': { input: '/usr/share' },
  'local-writable.yaml': { input: '/usr/share:rw' },
  'local-created.yaml': { input: '/var/tmp:rw' },
  'wasm.yaml': {},
  'ops.yaml': { input: '/usr/share' },
  'v1beta2.json': { networked: true },
  'dry-run-1.0.yaml': {},
  'dry-run-1.9.yaml': { networked: true },
  'describe-1.2.yaml': { networked: true },
  'describe-1.4.yaml': {},
  'describe-1.9.yaml': {},
};

/** The node's own answer, by the rules of the reference's that are asked here as well. */
function accepts(node: Node, { networked, input }: Job): boolean {
  const path = input?.replace(/:rw$/, '');
  const mount = node.mounts?.find((one) => one.replace(/:rw$/, '') === path);
  const mayMount =
    input === undefined || input === 'remote' || (mount && (!input.endsWith(':rw') || mount === input));
  return (
    (node.takesNetworked || !networked) &&
    (node.takesStateless !== false || input !== undefined) &&
    !(node.onlyLocal && input === 'remote') &&
    Boolean(mayMount)
  );
}

/** Where jobgate refuses what a node takes, and the words that say why. `docs/bacalhau.md` lists them. */
const STRICTER: readonly { readonly of: (node: string, job: string) => boolean; readonly reason: string }[] =
  [
    { of: (_, job) => job === 'ports.yaml', reason: 'that ask for port mappings' },
    {
      of: (_, job) => job === 'local-created.yaml',
      reason: 'not below a directory that its operator allows',
    },
    {
      of: (node, job) => node === 'seed-silent.yaml' && JOBS[job]?.networked === true,
      reason: 'that need a network',
    },
  ];

it('every file here is in a table', () => {
  expect(readdirSync(join(HERE, 'nodes')).sort()).toEqual(Object.keys(NODES).sort());
  expect(readdirSync(join(HERE, 'jobs')).sort()).toEqual(Object.keys(JOBS).sort());
});

describe.each(Object.entries(NODES))('jobgate check --config %s', (name, node) => {
  it.each(Object.entries(JOBS))(
    "--job %s gives the node's own verdict, or a stricter one with a reason",
    async (job, facts) => {
      const args = ['check', '--config', file('nodes', name), '--job', file('jobs', job)];
      const { stdout, code } = await cliHere([...args, '--log-level', 'error']);
      const { shouldBid, reason } = JSON.parse(stdout);
      expect(code).toBe(shouldBid ? 0 : 77);
      const stricter = STRICTER.filter(({ of }) => of(name, job));
      const accepted = accepts(node, facts) && !node.off?.includes(job);
      expect(shouldBid, reason).toBe(accepted && stricter.length === 0);
      if (!accepted) return;
      for (const { reason: words } of stricter) expect(reason).toContain(words);
    },
  );
});

it('each way in which it is stricter is documented', () => {
  const page = readFileSync(`${projectRoot}docs/bacalhau.md`, 'utf8');
  const differences = page.split('\n## Differences\n')[1]?.split('\n## ')[0] ?? '';
  for (const { reason } of STRICTER) expect(differences).toContain(`\`${reason}\``);
});

it.each([
  'dry-run-1.0.yaml',
  'dry-run-1.9.yaml',
  'describe-1.2.yaml',
  'describe-1.4.yaml',
  'describe-1.9.yaml',
])('%s, which the client prints, is run as it is, with no word about what stands at its default', (name) => {
  const parsed = parseJobFile(readFileSync(file('jobs', name), 'utf8'), name, { purpose: 'run' });
  expect(parsed).toMatchObject({ ok: true, value: { ignored: [], engine: { type: 'docker' } } });
});
