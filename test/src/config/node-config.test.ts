import { describe, expect, it } from 'vitest';
import { cliHere } from '../../support/cli-here.js';
import { configFolder, type Sources } from './loading.js';

const { file, inFolder, load, problems } = configFolder();

/* A node's own configuration, in all the ways in which a node takes one. */

const rejects = async (sources: Sources) => (await load(sources)).admission.rejectNetworkedJobs;

describe('what is passed over', () => {
  it('is told in one line of the debug log, and what is ours is read beside it', async () => {
    const yaml =
      'Compute: {Enabled: true, TLS: {RequireTLS: true}}\nLogging: {Level: debug}\nJobAdmissionControl: {RejectNetworkedJobs: true}\nEgress: {Rate: 1mbit}\n';
    const { notes, rate, admission } = await load({ yaml });
    expect({ rate, rejects: admission.rejectNetworkedJobs }).toEqual({ rate: 1_000_000, rejects: true });
    expect(notes).toEqual([
      {
        level: 'debug',
        text: `${inFolder('node.yaml')}: passed over, as the node's own: Compute.Enabled, Compute.TLS, Logging`,
      },
    ]);
    expect(await load({ yaml: 'Egress: {Rate: 1mbit}' })).not.toHaveProperty('notes');
  });

  it('shows in the log of a command', async () => {
    const config = file(
      'command.yaml',
      'NameProvider: puuid\nJobAdmissionControl: {RejectNetworkedJobs: true}\n',
    );
    const check = (...more: string[]) => cliHere(['check', '--config', config, '--network', 'none', ...more]);
    expect((await check('--log-level', 'debug')).stderr).toMatch(/passed over.*NameProvider\n$/);
    expect((await check()).stderr).toBe('');
  });
});

describe('networked jobs, where nothing is said of them', () => {
  it.each<[string, string, boolean]>([
    ['1.4, by any of its sections', 'User: {KeyPath: /k}', true],
    ['1.4, by its admission', 'Node: {Compute: {JobSelection: {Locality: local}}}', true],
    ['1.5.0', 'FeatureFlags: {ExecTranslation: true}', true],
    ['1.7, by its users', 'API: {Auth: {Users: []}}', false],
    ['1.7, by its logins', 'api: {auth: {oauth2: {ProviderId: okta}}}', false],
    ['1.8', 'Publishers: {Types: {S3Managed: {Bucket: b}}}', false],
    ['nothing tells', 'Compute: {Enabled: true, TLS: {RequireTLS: true}}', true],
    ['nothing tells of admission alone', 'JobAdmissionControl: {Locality: anywhere}', true],
    ['keys that contradict each other', 'User: {}\nAPI: {Auth: {Users: []}}', true],
    ["jobgate's own", 'Egress: {Rate: 1mbit}\nJobAdmissionControl: {AllowedDomains: [example.com]}', false],
  ])('are what its version makes of them: %s', async (_, yaml, refused) => {
    expect(await rejects({ yaml })).toBe(refused);
    // What is said counts, whatever the version.
    expect(await rejects({ yaml, env: { JOBGATE_REJECT_NETWORKED_JOBS: String(!refused) } })).toBe(!refused);
  });

  it('are refused with a word to the operator where nothing tells the version', async () => {
    const warnings = async (yaml: string) =>
      (await load({ yaml })).notes?.filter(({ level }) => level === 'warn').map(({ text }) => text) ?? [];
    expect(await warnings('Compute: {Enabled: true}')).toEqual([
      expect.stringMatching(/networked jobs are refused.*set JobAdmissionControl\.RejectNetworkedJobs$/),
    ]);
    expect(
      await warnings('Compute: {Enabled: true}\nJobAdmissionControl: {RejectNetworkedJobs: true}'),
    ).toEqual([]);
    expect(await warnings('User: {}')).toEqual([]);
  });

  it('are refused by 1.6.5, which has both keys, where either says so', async () => {
    const both = (accept: boolean, reject: boolean) =>
      rejects({
        yaml: `JobAdmissionControl: {AcceptNetworkedJobs: ${accept}, RejectNetworkedJobs: ${reject}}`,
      });
    expect(await both(true, false)).toBe(false);
    expect(await both(true, true)).toBe(true);
    expect(await both(false, false)).toBe(true);
    expect(await both(false, true)).toBe(true);
  });
});

describe('several sources', () => {
  it('files are merged, the later over the earlier, each with its own relative paths', async () => {
    const base =
      'JobAdmissionControl: {RejectNetworkedJobs: true, Locality: local}\nEgress: {Denied: [a.example.com]}';
    const more =
      'JobAdmissionControl: {RejectNetworkedJobs: false, AllowedDomainsFile: d.txt}\nEgress: {Denied: [b.example.com]}';
    const { admission, operator } = await load({ yaml: [base, more] });
    expect(admission).toMatchObject({
      rejectNetworkedJobs: false,
      locality: 'local',
      allowedDomainsFile: inFolder('d.txt'),
    });
    expect([...operator.deny].sort()).toEqual(['a.example.com', 'b.example.com']);
    expect(await rejects({ yaml: [more, base] })).toBe(true);
    // What tells the version may be in any of them.
    expect(await rejects({ yaml: ['API: {Auth: {Users: []}}', 'Compute: {Enabled: true}'] })).toBe(false);
  });

  it('--config KEY=VALUE sets one, above all else', async () => {
    const yaml = 'JobAdmissionControl: {RejectNetworkedJobs: true, ProbeExec: a}';
    const config = [
      'jobadmissioncontrol.rejectnetworkedjobs=F',
      'JobAdmissionControl.ProbeExec=x=y z',
      'JobAdmissionControl.AllowedDomains=example.com,.example.org',
      'Compute.Enabled=true',
      'Compute.AllowListedLocalPaths=/data/**:rw',
    ];
    const env = { BACALHAU_JOBADMISSIONCONTROL_PROBEEXEC: 'b' };
    expect((await load({ yaml, env, config })).admission).toMatchObject({
      rejectNetworkedJobs: false,
      probeExec: 'x=y z',
      allowedDomains: ['example.com', '.example.org'],
      allowListedLocalPaths: ['/data/**:rw'],
    });
    // A key alone is true, and of two the later counts.
    expect(await rejects({ yaml: '', config: ['JobAdmissionControl.RejectNetworkedJobs'] })).toBe(true);
    const twice = ['JobAdmissionControl.Locality=local', 'JobAdmissionControl.Locality=anywhere'];
    expect((await load({ config: twice })).admission.locality).toBe('anywhere');
    expect(await rejects({ yaml: '', config: ['Compute.Enabled'] })).toBe(true);
  });

  it.each([
    [
      'JobAdmissionControl.ProbeExce=x',
      '--config JobAdmissionControl.ProbeExce: unknown key: did you mean ProbeExec?',
    ],
    ['JobAdmissionControl=x', '--config JobAdmissionControl: is a section'],
    [
      'JobAdmissionControl.Locality=here',
      '--config JobAdmissionControl.Locality: "here": must be anywhere or local',
    ],
    ['Computer.Enabled=true', '--config Computer.Enabled: unknown key'],
  ])('--config %s is told', async (value, problem) => {
    expect(await problems({ config: [value] })).toEqual([
      expect.stringMatching(`^${problem.replace('?', '\\?')}`),
    ]);
  });

  it('--config KEY=VALUE and a flag must not contradict each other', async () => {
    const flags = { jobSelectionAcceptNetworked: true };
    expect(await problems({ flags, config: ['JobAdmissionControl.RejectNetworkedJobs=1'] })).toEqual([
      expect.stringContaining('contradicts --job-selection-accept-networked: true; keep one of them'),
    ]);
  });

  it("the reference's variables are above the file", async () => {
    const yaml = 'JobAdmissionControl: {RejectNetworkedJobs: true, Locality: local, ProbeExec: a}';
    const env = {
      BACALHAU_NODE_COMPUTE_JOBSELECTION_ACCEPTNETWORKEDJOBS: 't',
      BACALHAU_JOBADMISSIONCONTROL_LOCALITY: 'Anywhere',
      BACALHAU_JOBADMISSIONCONTROL_PROBEHTTP: 'http://127.0.0.1:1/',
      BACALHAU_JOBADMISSIONCONTROL_PROBEEXEC: '',
      BACALHAU_COMPUTE_ALLOWLISTEDLOCALPATHS: '/a/** /b/**:rw',
      BACALHAU_API_HOST: 'example.com',
      BACALHAU_JOB_ID: 'j-1',
    };
    expect((await load({ yaml, env })).admission).toMatchObject({
      rejectNetworkedJobs: false,
      locality: 'anywhere',
      probeHttp: 'http://127.0.0.1:1/',
      probeExec: 'a',
      allowListedLocalPaths: ['/a/**', '/b/**:rw'],
    });
    expect(await rejects({ yaml, env, flags: { rejectNetworkedJobs: true } })).toBe(true);
    expect(await rejects({ env: { BACALHAU_JOBADMISSIONCONTROL_ACCEPTNETWORKEDJOBS: 'false' } })).toBe(true);
    // Of a node whose version nothing tells.
    expect(await rejects({ env: { BACALHAU_JOBADMISSIONCONTROL_LOCALITY: 'local' } })).toBe(true);
  });

  it.each([
    ['BACALHAU_JOBADMISSIONCONTROL_PROBEEXCE', 'did you mean BACALHAU_JOBADMISSIONCONTROL_PROBEEXEC?'],
    ['BACALHAU_NODE_COMPUTE_JOBSELECTION_X', 'unknown variable'],
  ])('%s is told', async (variable, problem) => {
    expect(await problems({ env: { [variable]: 'x' } })).toEqual([expect.stringContaining(problem)]);
  });
});

describe('a truth value', () => {
  const words = {
    true: ['1', 't', 'T', 'TRUE', 'true', 'True'],
    false: ['0', 'f', 'F', 'FALSE', 'false', 'False'],
  };
  const cases = Object.entries(words).flatMap(([value, all]) =>
    all.map((word) => [word, value === 'true'] as const),
  );

  it.each(cases)('is %s, as in Go, wherever it stands', async (word, value) => {
    const key = 'JobAdmissionControl.RejectNetworkedJobs';
    expect(await rejects({ yaml: `JobAdmissionControl: {RejectNetworkedJobs: "${word}"}` })).toBe(value);
    expect(await rejects({ env: { BACALHAU_JOBADMISSIONCONTROL_REJECTNETWORKEDJOBS: word } })).toBe(value);
    expect(await rejects({ config: [`${key}=${word}`] })).toBe(value);
    const { code } = await cliHere([
      'check',
      '--domain',
      'example.com',
      `--job-selection-accept-networked=${word}`,
    ]);
    expect(code).toBe(value ? 0 : 77);
    const stateless = await cliHere(['check', `--job-selection-reject-stateless=${word}`]);
    expect(stateless.code).toBe(value ? 77 : 0);
  });

  it('alone is true, takes nothing that follows, and is no other word', async () => {
    expect((await cliHere(['check', '--reject-stateless-jobs'])).code).toBe(77);
    const spaced = await cliHere(['check', '--reject-stateless-jobs', 'false']);
    expect(spaced).toMatchObject({ code: 64, stderr: expect.stringContaining('too many arguments') });
    const maybe = await cliHere(['check', '--reject-stateless-jobs=maybe']);
    expect(maybe).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('--reject-stateless-jobs=maybe'),
    });
    // Behind the image it is the job's.
    const run = await cliHere(['run', '--reject-stateless-jobs', 'alpine', '--reject-stateless-jobs=false']);
    expect(run).toMatchObject({ code: 77, stderr: expect.stringContaining('without inputs') });
  });
});

describe('YAML', () => {
  it('has its merge keys and aliases, over which what is written out counts', async () => {
    const yaml = `
JobDefaults: &strict
  RejectNetworkedJobs: true
  Locality: local
JobAdmissionControl:
  <<: *strict
  Locality: anywhere
`;
    expect((await load({ yaml })).admission).toMatchObject({
      rejectNetworkedJobs: true,
      locality: 'anywhere',
    });
    const list = `
JobDefaults: {Batch: &a {Locality: local}, Ops: &b {Locality: anywhere, RejectNetworkedJobs: true}}
JobAdmissionControl: {<<: [*a, *b]}
`;
    expect((await load({ yaml: list })).admission).toMatchObject({
      rejectNetworkedJobs: true,
      locality: 'local',
    });
    const alias = 'Labels: &a {RejectNetworkedJobs: true}\nJobAdmissionControl: *a\n';
    expect(await rejects({ yaml: alias })).toBe(true);
    // A quoted one is a key like any other.
    expect(await problems({ yaml: 'JobAdmissionControl: {"<<": {Locality: local}}' })).toEqual([
      expect.stringContaining('JobAdmissionControl.<<: unknown key'),
    ]);
  });
});

it('what a node has disabled is disabled here, in both spellings', async () => {
  const disabled = async (yaml: string) => (await load({ yaml })).admission.disabled;
  const all = { engines: ['docker'], inputs: ['ipfs'], publishers: ['s3'] };
  expect(
    await disabled(
      'Engines: {Disabled: [docker]}\nInputSources: {Disabled: [ipfs]}\nPublishers: {Disabled: [s3]}',
    ),
  ).toEqual(all);
  expect(
    await disabled('Node: {DisabledFeatures: {Engines: [docker], Storages: [ipfs], Publishers: [s3]}}'),
  ).toEqual(all);
  expect(await disabled('Engines: {Disabled: }\nPublishers: {Disabled: []}')).toBeUndefined();
});

describe('AllowListedLocalPaths', () => {
  it('are what jobs may mount where AllowedMounts is not set', async () => {
    const listed = 'Compute: {AllowListedLocalPaths: [/data/**, "/out/**:rw"]}\n';
    const { admission } = await load({ yaml: listed });
    expect(admission).toMatchObject({ allowListedLocalPaths: ['/data/**', '/out/**:rw'] });
    expect(admission).not.toHaveProperty('allowedMounts');
    const both = await load({ yaml: `${listed}JobAdmissionControl: {AllowedMounts: []}` });
    expect(both.admission).toMatchObject({ allowedMounts: [] });
    expect(both.admission).not.toHaveProperty('allowListedLocalPaths');
    expect(
      (await load({ yaml: 'Node: {AllowListedLocalPaths: [/a]}' })).admission.allowListedLocalPaths,
    ).toEqual(['/a']);
    expect((await load({ yaml: 'Compute: {AllowListedLocalPaths: }' })).admission.allowedMounts).toEqual([]);
    // Relative ones are relative to the file.
    const relative = await load({ yaml: 'Compute: {AllowListedLocalPaths: ["in/**:rw"]}' });
    expect(relative.admission.allowListedLocalPaths).toEqual([inFolder('in/**:rw')]);
  });

  it('that are not read allow nothing, and that is told', async () => {
    const { notes } = await load({
      yaml: 'User: {}\nNode: {AllowListedLocalPaths: ["/data/[ab]/**", /a/**]}',
    });
    expect(notes).toContainEqual({
      level: 'warn',
      text: expect.stringMatching(
        /Node\.AllowListedLocalPaths: allows nothing here: \/data\/\[ab\]\/\*\*; write/,
      ),
    });
  });
});
