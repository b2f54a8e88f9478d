import { path } from './api.js';
import { count, size, span } from './format.js';
import { Ago, Card, Copy, Text } from './parts.js';
import type { Account } from './server-types.js';

const OPENED: Readonly<Record<Account['opened']['by'], string>> = {
  run: 'jobgate run',
  job: 'this serve, as a job of its own',
  api: 'the API',
  gate: 'a client of the gate',
  reopened: 'a serve before this one',
};

/** What the job did in all, as it is kept and signed. */
export function AccountCard(props: {
  gateway: string;
  account: Account | undefined;
  signature: string | undefined;
}) {
  const { gateway, account, signature } = props;
  if (!account) return null;
  const { opened, began, ended, exitCode, reason, total, containers } = account;
  const address = opened.address === undefined ? '' : ` from ${opened.address}`;
  const until = ended === null ? Date.now() : Date.parse(ended);
  return (
    <Card
      title="Account"
      more={
        <a href={path`/v1/gateways/${gateway}/account`} download={`account-${gateway}.json`}>
          Download
        </a>
      }
    >
      <dl class="facts">
        <div>
          <dt>Opened</dt>
          <dd>
            by {OPENED[opened.by]}
            {address} <Ago time={began} />
          </dd>
        </div>
        <div>
          <dt>{ended === null ? 'Lasts' : 'Lasted'}</dt>
          <dd>
            {span(until - Date.parse(began))}
            {exitCode !== null && `, exit code ${exitCode}`}
            {reason !== undefined && (
              <small>
                <Text>{reason}</Text>
              </small>
            )}
          </dd>
        </div>
        <div>
          <dt>Bytes</dt>
          <dd>
            {size(total.down)} down, {size(total.up)} up
          </dd>
        </div>
        <div>
          <dt>Decisions</dt>
          <dd>
            {count(total.allowed)} allowed, {count(total.denied)} refused
          </dd>
        </div>
        <div>
          <dt>Containers</dt>
          <dd>
            {containers.length === 0 && 'none so far'}
            {containers.map(({ id, name, exitCode: code }) => (
              <div key={id}>
                <Text>{name}</Text>
                {code !== null && <small>exit code {code}</small>}
              </div>
            ))}
          </dd>
        </div>
        <div>
          <dt>Signed</dt>
          <dd>
            {signature === undefined ? 'no key is named' : <Copy text={signature} label="Copy signature" />}
          </dd>
        </div>
      </dl>
    </Card>
  );
}
