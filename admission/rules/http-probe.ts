import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { AdmissionConfigError } from '../config.js';
import { isRecord } from '../known-keys.js';
import { type ProbeLimits, type ProbeRequest, probeRule, spokenReason } from '../probe.js';
import { accept, type Rule, refuse, type Verdict } from '../rule.js';

/**
 * The reference's HTTP probe: POST of the job as JSON. A status of 400 or more refuses; a JSON reply is the answer; of
 * any other the status decides. Goes straight to the URL: no proxy of the environment, no redirects.
 *
 * @throws AdmissionConfigError where the URL isn't one of http or https.
 */
export function httpProbeRule(text: string, limits: ProbeLimits): Rule {
  const url = parseProbeUrl(text);
  // An agent of one's own: the global one may have been told to use the environment's proxies.
  const agent = url.protocol === 'https:' ? new HttpsAgent() : new HttpAgent();
  const rule = probeRule('HTTP probe', limits, (request) => ask(url, agent, request));
  return {
    ...rule,
    async close() {
      await rule.close();
      agent.destroy();
    },
  };
}

/** @throws AdmissionConfigError */
export function parseProbeUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new AdmissionConfigError(`ProbeHTTP: ${JSON.stringify(text)} is not a URL of http:// or https://`);
  }
  return url;
}

async function ask(
  url: URL,
  agent: HttpAgent | HttpsAgent,
  { body, signal, outputBytes }: ProbeRequest,
): Promise<Verdict> {
  const response = await post(url, agent, body, signal);
  try {
    const status = response.statusCode ?? 0;
    if (status >= 300 && status < 400)
      throw new Error(`answers with a redirect (${status}), which is not followed`);
    const json = isJson(response.headers['content-type']);
    if (status >= 400) return refusal(status, json ? await read(response, outputBytes).catch(() => '') : '');
    if (!json) return accept(`that its HTTP probe accepts (status ${status})`);
    return answer(await read(response, outputBytes));
  } finally {
    response.destroy();
  }
}

function post(url: URL, agent: HttpAgent, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      agent,
      signal,
      headers: {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
        Accept: 'application/json',
        'Accept-Encoding': 'identity',
      },
    });
    sent.once('response', resolve);
    // Also after the response, when the probe is given up.
    sent.on('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(`cannot be asked: ${error.code ?? error.message}`)),
    );
    sent.end(body);
  });
}

async function read(response: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > limit) throw new Error(`answers with more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** `application/json` and `application/…+json`, whatever parameters follow. */
function isJson(contentType: string | undefined): boolean {
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return type === 'application/json' || /^application\/[^/]+\+json$/.test(type);
}

function answer(text: string): Verdict {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('answers with broken JSON');
  }
  const decisions = values(value, 'shouldbid');
  if (decisions.length === 0 || decisions.some((decision) => typeof decision !== 'boolean')) {
    throw new Error('answers without shouldBid true or false');
  }
  // Two spellings that disagree are a no.
  const shouldBid = decisions.every((decision) => decision === true);
  return verdict(shouldBid, value);
}

function refusal(status: number, text: string): Verdict {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Its words would be welcome; its status is enough.
  }
  const said = reasonOf(value);
  return said === '' ? refuse(`that its HTTP probe refuses (status ${status})`) : verdict(false, value);
}

function verdict(shouldBid: boolean, value: unknown): Verdict {
  const said = reasonOf(value);
  const words = `that its HTTP probe ${shouldBid ? 'accepts' : 'refuses'}${said === '' ? '' : `: ${said}`}`;
  return shouldBid ? accept(words) : refuse(words);
}

function reasonOf(value: unknown): string {
  return spokenReason(values(value, 'reason').find((reason) => typeof reason === 'string') ?? '');
}

/** The values of a key in any letter case: the reference writes ShouldBid, its documentation shouldBid. */
function values<T = unknown>(value: unknown, name: string): T[] {
  if (!isRecord(value)) return [];
  return Object.entries(value)
    .filter(([key]) => key.toLowerCase() === name)
    .map(([, item]) => item as T);
}
