import { type Admission, createAdmission } from '../../../admission/admission.js';
import { networkAsRun } from '../../../admission/effective-network.js';
import { JsonError, parseExactJson } from '../../../admission/exact-json.js';
import type { Job } from '../../../admission/job.js';
import { parseJobFile } from '../../../admission/job-file.js';
import { parseJobSpec } from '../../../admission/job-spec.js';
import { silentLogger } from '../../../proxy/policy/logger.js';
import { jobFromFlags } from '../../../src/commands/job-options.js';
import { AdmissionRefused, UsageError } from '../../../src/errors.js';
import { admit } from '../../../src/job/admit.js';
import { verdictBody } from '../../../src/service/probe-answer.js';
import { ask } from '../../support/serve.js';
import { startService } from '../../support/service.js';
import { mutatedJson } from '../mutate-json.js';
import { Differs, type Target } from '../target.js';
import { same } from './parsers.js';

const ADMISSION = { purpose: 'admission' } as const;

const TASK = {
  Name: 'main',
  Engine: { Type: 'docker', Params: { Image: 'a:b', Parameters: ['c'], EnvironmentVariables: ['A=b'] } },
  Network: { Type: 'HTTP', Domains: ['www.example.com', '.b.example.com', 'example.com:8443'] },
};
const SEEDS = [
  { Name: 'a', Type: 'batch', Count: 1, Tasks: [TASK] },
  { Job: { ID: 'j-1', Type: 'batch', Tasks: [{ ...TASK, Network: { Type: 'Default' }, Env: { A: 'b' } }] } },
  {
    Tasks: [{ ...TASK, Network: { Type: 'Bridge' }, Resources: { CPU: '500m', Memory: '1Gb', GPU: ' 1 ' } }],
  },
  {
    Tasks: [{ ...TASK, Network: null, Timeouts: { ExecutionTimeout: 9_007_199_254_740_993n } }],
    Meta: { a: 'b' },
  },
  {
    APIVersion: 'V1beta2',
    Spec: { EngineSpec: TASK.Engine, Network: { Type: 'HTTP', Domains: ['example.com'] } },
  },
  {
    node_id: 'n',
    job_id: 'j',
    spec: { Engine: 'Docker', Docker: { Image: 'a' }, Network: { Type: 'None' } },
  },
  {
    Tasks: [
      {
        ...TASK,
        InputSources: [{ Source: { Type: 'localDirectory', Params: { SourcePath: '/a' } }, Target: '/b' }],
      },
    ],
  },
].map((value) => JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? Number(one) : one)));

type Read = Job | 'refused';

const ofFile = (text: string): Read => {
  const parsed = parseJobFile(text, 'job', ADMISSION);
  return parsed.ok ? parsed.value : 'refused';
};

function ofBody(value: unknown): Read {
  const parsed = parseJobSpec(value, ADMISSION);
  return parsed.ok ? parsed.value : 'refused';
}

/** What a text is as JSON. */
function json(text: string): { readonly value: unknown } | 'broken' | 'refused' {
  try {
    return { value: parseExactJson(text) };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return error.isSyntax ? 'broken' : 'refused';
  }
}

const isJsonToAll = (text: string) => {
  try {
    JSON.parse(text.replace(/^\uFEFF/, ''));
    return true;
  } catch {
    return false;
  }
};

const readers: Target = {
  name: 'a job, as a file, as YAML and as a body',
  seeds: SEEDS,
  batch: 20,
  mutate: mutatedJson,
  run: (input) => {
    const read = json(input);
    // What is there twice is refused where it is met, and what follows is not looked at.
    if (read !== 'refused' && (read !== 'broken') !== isJsonToAll(input)) {
      throw new Differs(`JSON to one reader alone: ${read === 'broken' ? 'Node' : 'jobgate'}`);
    }
    // What is no JSON is no body.
    if (read === 'broken' || !input.trimStart().startsWith('{')) return;
    const body = read === 'refused' ? 'refused' : ofBody(read.value);
    same('a body and a file', body, ofFile(input));
    same('a body and YAML', body, ofFile(`--- ${input}`));
  },
};

interface Node {
  readonly port: number;
  readonly admission: Admission;
  readonly allowPorts: readonly number[];
}

/** A serve whose rules say yes to some networks and no to others, and what `check` and `run` make of the same. */
export class Nodes implements AsyncDisposable {
  #opened: Promise<Node & AsyncDisposable> | undefined;

  readonly node = (): Promise<Node> => {
    this.#opened ??= (async () => {
      const service = await startService({}, { env: { JOBGATE_ALLOWED_DOMAINS: '.example.com' } });
      const { config } = service.service;
      const admission = createAdmission(config.admission, {
        logger: silentLogger,
        operator: config.operator,
      });
      return {
        ...{ port: service.port, admission, allowPorts: config.operator.allowPorts },
        async [Symbol.asyncDispose]() {
          await admission[Symbol.asyncDispose]();
          await service[Symbol.asyncDispose]();
        },
      };
    })();
    return this.#opened;
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#opened)?.[Symbol.asyncDispose]();
  }
}

interface Said {
  readonly shouldBid: boolean;
  readonly network?: unknown;
}

async function byCheck(
  { admission, allowPorts }: Node,
  text: string,
): Promise<Said & { reason?: string; job?: Job }> {
  let job: Job;
  try {
    job = await jobFromFlags(undefined, [], { domain: [] }, { ...ADMISSION, allowPorts }, text);
  } catch (error) {
    if (error instanceof UsageError) return { shouldBid: false };
    throw error;
  }
  return { ...verdictBody(await admission.decide(job, { runBy: 'bacalhau' })), job };
}

async function byRun({ admission, allowPorts }: Node, text: string): Promise<Said> {
  try {
    const flags = { domain: [], env: [] };
    const job = await jobFromFlags(undefined, [], flags, { purpose: 'run', allowPorts }, text);
    const { network } = await admit(job, admission);
    return { shouldBid: true, network };
  } catch (error) {
    if (error instanceof UsageError || error instanceof AdmissionRefused) return { shouldBid: false };
    throw error;
  }
}

const ways = (nodes: Nodes): Target => ({
  name: 'a job, to check, to run and to serve',
  seeds: SEEDS,
  batch: 10,
  overSockets: true,
  mutate: mutatedJson,
  run: async (input) => {
    const node = await nodes.node();
    const { job, ...check } = await byCheck(node, input);
    if (json(input) !== 'broken') {
      const { status, body } = await ask(node.port, '/v1/admission', { body: input });
      if (status !== 200 && status !== 400 && status !== 413) throw new Differs(`serve answers ${status}`);
      const { shouldBid, reason } = body as Said & { reason: string };
      // The words are the same where a rule says them: what is wrong in a text has another place in each.
      same('check and serve', check, status === 200 ? { shouldBid, reason } : { shouldBid });
    }
    const run = await byRun(node, input);
    if (!run.shouldBid) return;
    if (job === undefined) throw new Differs('run takes what check cannot read');
    const asked = await node.admission.decide(job);
    same('run and admission', run, {
      shouldBid: asked.shouldBid,
      network: networkAsRun(job, node.admission),
    });
  },
});

export const jobTargets = (nodes: Nodes): readonly Target[] => [readers, ways(nodes)];
