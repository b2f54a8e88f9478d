import { z } from 'zod';
import type { PathSegment } from '../../../admission/problem.js';
import { parseEntry } from '../../../proxy/policy/allowlist.js';
import { type HostEntry, parseHostEntry } from '../../../proxy/policy/entry.js';
import { parseRate } from '../../../proxy/policy/rate.js';
import type { Config } from '../../config/load.js';
import { parseDuration } from '../../duration.js';
import { ApiError, type RequestProblem } from '../api-error.js';
import { budgetOf, budgetText, gatewayRate } from '../gateway-request.js';
import { type LiveEntry, type LivePolicy, withoutEnded } from './live-policy.js';

const MAX_DOMAINS = 10_000;
/** Each name among them is looked up again and again. */
const MAX_DENIED = 1_000;

const moment = z.string({ error: 'must be text: 2h' }).refine((text) => readTime(text, 0) !== undefined, {
  error: 'must be a time from now, as 30m or 2h, or a moment, as 2030-01-31T12:00:00Z',
});

/** The body of a request to change a gateway's policy. */
export function changeBody({ operator: { allowPorts } }: Config) {
  const judged = (parse: typeof parseHostEntry) =>
    z.string({ error: 'must be text: example.com' }).superRefine((text, context) => {
      const parsed = parse(text);
      if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.problem });
    });
  const domain = judged((text) => parseEntry(text, { allowPorts }));
  const entries = z
    .array(
      z.union([domain, z.strictObject({ domain, expires: moment.nullish() })], {
        error: 'must be an entry, as "example.com" or {"domain": "example.com", "expires": "2h"}',
      }),
      { error: 'must be a list of entries' },
    )
    .max(MAX_DOMAINS, { error: `has more than ${MAX_DOMAINS} entries` });
  const denied = z
    .array(judged(parseHostEntry), { error: 'must be a list of entries' })
    .max(MAX_DENIED, { error: `has more than ${MAX_DENIED} entries` });
  const rate = z.string({ error: 'must be text: 10mbit' }).superRefine((text, context) => {
    const parsed = parseRate(text);
    if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.problem });
  });
  return z
    .strictObject({
      domains: entries.optional().meta({
        description:
          'all that the job may reach from now on; an entry that it has already keeps its end, unless that is said: null is none',
      }),
      allow: entries.optional().meta({ description: 'entries to be added, or whose end is to be another' }),
      deny: denied
        .optional()
        .meta({ description: 'hosts to be refused from now on, also where a wider entry allows them' }),
      denied: denied.optional().meta({
        description: 'all that is refused from now on whatever domains has; the other half of deny',
      }),
      rate: rate.optional().meta({ description: "in each direction, as 5mbit; at most the node's own" }),
      budget: budgetText.optional().meta({
        description: "the job's own, as down=10GB; unlimited is none, and the node's holds all the same",
      }),
      expires: moment
        .nullish()
        .meta({ description: 'when the gateway closes, from now (2h) or as a moment; null is never' }),
    })
    .superRefine((body, context) => {
      const fail = (message: string) => context.addIssue({ code: 'custom', message });
      if (Object.keys(body).length === 0)
        fail('nothing is to be changed: give domains, allow, deny, rate, budget or expires');
      if (body.domains && body.allow) fail('give either domains, all of them, or allow, those to be added');
      if (body.denied && body.deny) fail('give either denied, all of them, or deny, those to be added');
    })
    .meta({ title: 'PolicyChange' });
}

export type ChangeRequest = z.infer<ReturnType<typeof changeBody>>;

/**
 * What a policy becomes by a request, with the next revision.
 *
 * @throws ApiError `invalid-request`; `not-accepted` for a rate above the node's.
 */
export function changed(
  policy: LivePolicy,
  request: ChangeRequest,
  { config, now }: { config: Config; now: number },
): LivePolicy {
  const before = withoutEnded(policy, now);
  const problems: RequestProblem[] = [];
  const end = (text: string, path: PathSegment[]): number => {
    const time = readTime(text, now) ?? 0;
    if (time <= now) problems.push({ path: path.join('.'), problem: `${text} is over` });
    return time;
  };
  const entryOf = entryReader();
  const said = [...(request.denied ?? []), ...(request.deny ?? [])].map((text) => entryOf(text));
  const kept = request.denied ? [] : before.deny.map((text) => entryOf(text));
  const deny = new Map([...kept, ...said].map((entry) => [entry.text, entry]));
  const refused = new Set(said.map(({ text }) => text));
  const known = new Map(before.allow.map((entry) => [entry.domain, entry]));
  const allow = new Map<string, LiveEntry>(request.domains ? [] : known);
  const asked = new Set<string>();
  const name = request.domains ? 'domains' : 'allow';
  (request.domains ?? request.allow ?? []).forEach((one, index) => {
    const { domain: text, expires } = typeof one === 'string' ? { domain: one, expires: undefined } : one;
    const domain = entryOf(text).text;
    asked.add(domain);
    if (typeof expires === 'string') {
      allow.set(domain, { domain, expires: end(expires, [`${name}[${index}]`, 'expires']) });
    } else {
      const same = name === 'domains' && expires === undefined ? known.get(domain) : undefined;
      allow.set(domain, same ?? { domain });
    }
    // Whoever allows what was denied takes that back, unless it says both.
    if (name === 'allow' && !refused.has(domain)) deny.delete(domain);
  });
  // Denied ones are no entries: what a list shows, a job reaches.
  const deniedBy = denier(deny.values());
  for (const domain of [...allow.keys()]) {
    const by = deniedBy(entryOf(domain));
    if (by && asked.has(domain)) {
      problems.push({ path: name, problem: `${domain} is denied, by ${by.text}` });
    } else if (by) allow.delete(domain);
  }
  if (allow.size > MAX_DOMAINS)
    problems.push({ path: 'allow', problem: `more than ${MAX_DOMAINS} entries in all` });
  if (deny.size > MAX_DENIED)
    problems.push({ path: 'deny', problem: `more than ${MAX_DENIED} entries in all` });
  const budget = request.budget === undefined ? before.budget : budgetOf(request.budget);
  const { expires = before.expires } = request;
  const closes = typeof expires === 'string' ? end(expires, ['expires']) : (expires ?? undefined);
  if (problems.length > 0) throw ApiError.invalid(problems);
  return {
    revision: policy.revision + 1,
    allow: [...allow.values()],
    deny: [...deny.keys()],
    rate: request.rate === undefined ? before.rate : gatewayRate(request.rate, config),
    ...(budget && { budget }),
    ...(closes !== undefined && { expires: closes }),
  };
}

/** Reads texts that were judged before, each once. */
function entryReader(): (text: string) => HostEntry {
  const read = new Map<string, HostEntry>();
  return (text) => {
    const known = read.get(text);
    if (known) return known;
    const parsed = parseHostEntry(text);
    if (!parsed.ok) throw new Error(`unexpected: ${parsed.problem}`);
    read.set(text, parsed.value);
    read.set(parsed.value.text, parsed.value);
    return parsed.value;
  };
}

/** Finds the denied entry that leaves nothing of another one. */
function denier(denied: Iterable<HostEntry>): (entry: HostEntry) => HostEntry | undefined {
  const byHost = new Map<string, HostEntry[]>();
  for (const entry of denied) {
    const others = byHost.get(entry.host);
    if (others) others.push(entry);
    else byHost.set(entry.host, [entry]);
  }
  return ({ host, kind, subdomains, port }) => {
    for (let name: string = host; ; name = name.slice(name.indexOf('.') + 1)) {
      const covers = (one: HostEntry) =>
        (one.port === undefined || one.port === port) && (one.subdomains || (name === host && !subdomains));
      const by = byHost.get(name)?.find(covers);
      if (by || kind !== 'name' || !name.includes('.')) return by;
    }
  };
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/;

/** `2h` from now, or a moment (RFC 3339); ms since 1970, undefined for neither. */
function readTime(text: string, now: number): number | undefined {
  if (text.length > 40) return undefined;
  if (!MOMENT.test(text)) {
    const ms = parseDuration(text);
    return ms === undefined ? undefined : now + ms;
  }
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
