import { parseBudget } from '../../../../proxy/policy/budget.js';
import { formatRate } from '../../../../proxy/policy/rate.js';
import { rate, size, some } from './format.js';
import { Ago, Card, Text } from './parts.js';
import type { Account, GatewayView } from './server-types.js';

/** So many entries at first. */
const FIRST = 40;

/** What the job may reach, and how that came to be. */
export function Policy({ gateway, account }: { gateway: GatewayView; account: Account | undefined }) {
  const { domains, denied, expiries, expires, learned } = gateway;
  const ends = new Map(expiries.map((one) => [one.domain, one.expires]));
  return (
    <Card title="Policy">
      <h3>May reach</h3>
      {domains.length === 0 && <p class="dim">Nothing.</p>}
      <ul class="entries">
        {domains.slice(0, FIRST).map((domain) => (
          <li key={domain}>
            <Text>{domain}</Text>
            {ends.has(domain) && (
              <small>
                ends <Ago time={ends.get(domain) ?? ''} />
              </small>
            )}
          </li>
        ))}
      </ul>
      {domains.length > FIRST && <p class="dim">and {some(domains.length - FIRST, 'other')}</p>}
      {denied.length > 0 && (
        <>
          <h3>Refused all the same</h3>
          <ul class="entries">
            {denied.slice(0, FIRST).map((host) => (
              <li key={host}>
                <Text>{host}</Text>
              </li>
            ))}
          </ul>
          {denied.length > FIRST && <p class="dim">and {some(denied.length - FIRST, 'other')}</p>}
        </>
      )}
      {learned && learned.length > 0 && (
        <>
          <h3>Learned: it needs these as well</h3>
          <ul class="entries">
            {learned.slice(0, FIRST).map((host) => (
              <li key={host}>
                <Text>{host}</Text>
              </li>
            ))}
          </ul>
        </>
      )}
      {expires !== undefined && (
        <p>
          Its gateway closes <Ago time={expires} />.
        </p>
      )}
      <h3>Changes</h3>
      <Changes account={account} />
    </Card>
  );
}

function Changes({ account }: { account: Account | undefined }) {
  const changes = [...(account?.changes ?? [])].reverse().slice(0, FIRST);
  if (changes.length === 0) return <p class="dim">None: it is as it was at the beginning.</p>;
  return (
    <ol class="list">
      {changes.map(({ time, by, cut, policy }) => (
        <li key={time}>
          <Text>{changeText(policy)}</Text>
          <small>
            by {by}, <Ago time={time} />
            {cut > 0 && `; ${some(cut, 'connection')} cut`}
          </small>
        </li>
      ))}
    </ol>
  );
}

interface Change {
  readonly added?: readonly { readonly domain: string; readonly expires?: string }[];
  readonly removed?: readonly string[];
  readonly denied?: readonly string[];
  readonly undenied?: readonly string[];
  readonly rate?: number | null;
  readonly budget?: string;
  readonly expires?: string | null;
}

function changeText(change: Change): string {
  const list = (word: string, names: readonly string[] = []) => {
    if (names.length === 0) return [];
    const more = names.length > 10 ? ` and ${names.length - 10} more` : '';
    return [`${word} ${names.slice(0, 10).join(', ')}${more}`];
  };
  const said = [
    ...list(
      'allows',
      change.added?.map(({ domain }) => domain),
    ),
    ...list('no more', change.removed),
    ...list('denies', change.denied),
    ...list('denies no more', change.undenied),
    ...(change.rate === undefined ? [] : [`rate ${formatRate(change.rate)}`]),
    ...(change.budget === undefined ? [] : [`budget ${change.budget}`]),
    ...(change.expires === undefined
      ? []
      : [change.expires === null ? 'has no end' : `ends ${change.expires}`]),
  ];
  return said.join('; ');
}

/** What the job may take in all, and took of it. */
export function Budget({ gateway: { budget: text, spent, rate: limit } }: { gateway: GatewayView }) {
  const parsed = parseBudget(text);
  const budget = parsed.ok ? parsed.value : null;
  const bounds = (['down', 'up'] as const).flatMap((name) => {
    const bound = budget?.[name];
    return bound === undefined ? [] : [{ name, bound, used: spent[name] }];
  });
  return (
    <Card title="Budget">
      <p>
        Rate: {limit === null ? 'unlimited' : `at most ${rate(limit)}`} in each direction.
        {!budget && ' Of bytes in all there is no bound.'}
      </p>
      {bounds.map(({ name, bound, used }) => (
        <div key={name} class="meter">
          <label>
            <span>
              {name}: <b>{size(used)}</b> of {size(bound)}
            </span>
            <meter value={used} max={bound} high={bound * 0.9} optimum={0} />
          </label>
        </div>
      ))}
      {budget?.hostDown !== undefined && <p>From each host at most {size(budget.hostDown)}.</p>}
      {budget?.hostUp !== undefined && <p>To each host at most {size(budget.hostUp)}.</p>}
      {budget && (
        <p class="dim">
          {budget.slow === undefined
            ? 'Used up, its connections are cut and no others opened.'
            : `Used up, it goes on at ${rate(budget.slow)}.`}
        </p>
      )}
    </Card>
  );
}
