import { useRef, useState } from 'preact/hooks';
import { DENIALS, type DenialReason } from '../../../../proxy/policy/denials.js';
import { targetText } from '../../../job/decision-text.js';
import { domainEntry, entryFor, isCovered } from './entry-for.js';
import { count, size, some } from './format.js';
import type { Host, HostGroup } from './host-groups.js';
import { Card, Copy, Text } from './parts.js';

/** So many domains at first: a job may ask for hundreds. */
const FIRST = 30;

interface Policy {
  /** That the job may reach by now. */
  readonly domains: ReadonlySet<string>;
  /** Adds entries to them; undefined where that cannot be. */
  readonly onAllow: ((entries: readonly string[]) => void) | undefined;
}

/** What was refused, why, and what would allow it. While somebody points at it, it stays: what is allowed is what was seen. */
export function RefusedHosts({ groups: now, policy }: { groups: readonly HostGroup[]; policy: Policy }) {
  const [all, setAll] = useState(false);
  const table = useRef<HTMLTableElement>(null);
  const seen = useRef(now);
  const isHeld = table.current?.matches(':hover') || table.current?.querySelector(':focus-visible');
  if (!isHeld) seen.current = now;
  const groups = seen.current;
  return (
    <Card title="Refused" more={<span class="dim">{some(now.length, 'domain')}</span>}>
      {groups.length === 0 && <p class="dim">Nothing was refused.</p>}
      {groups.length > 0 && (
        <table class="hosts refused" ref={table}>
          <thead>
            <tr>
              <th scope="col">Host, and why</th>
              <th scope="col" class="number">
                Times
              </th>
              <th scope="col">
                <span class="unseen">Actions</span>
              </th>
            </tr>
          </thead>
          {(all ? groups : groups.slice(0, FIRST)).map((group) => (
            <RefusedGroup key={group.domain} group={group} policy={policy} />
          ))}
        </table>
      )}
      <More groups={groups} all={all} onAll={setAll} />
    </Card>
  );
}

function RefusedGroup({ group, policy }: { group: HostGroup; policy: Policy }) {
  const { domain, hosts, count: refusals } = group;
  const entries = hosts.map((host) => entryFor(host, host.reasons));
  const whole = domainEntry(domain, hosts);
  return (
    <tbody>
      {hosts.length > 1 && (
        <tr class="group">
          <th scope="rowgroup">
            <Text>{domain}</Text> <small>{some(hosts.length, 'host')}</small>
          </th>
          <td class="number">{count(refusals)}</td>
          <td class="actions">
            <Copy text={domain} />
            {whole !== undefined && <Allow entry={whole} policy={policy} />}
          </td>
        </tr>
      )}
      {hosts.map((host, index) => (
        <tr key={targetText(host)} class={hosts.length > 1 ? 'of-group' : undefined}>
          <th scope="row">
            <Text>{targetText(host)}</Text>
            <Why host={host} />
          </th>
          <td class="number">{count(host.refused)}</td>
          <td class="actions">
            {host.host !== '' && <Copy text={host.host} />}
            {entries[index] !== undefined && <Allow entry={entries[index]} policy={policy} />}
          </td>
        </tr>
      ))}
    </tbody>
  );
}

function Why({ host }: { host: Host }) {
  return (
    <ul class="why">
      {host.reasons.map((reason) => (
        <li key={reason}>
          <code>{reason}</code> <Text>{helpOf(reason, host)}</Text>
        </li>
      ))}
    </ul>
  );
}

function helpOf(reason: string, host: Host): string {
  const help: string = Object.hasOwn(DENIALS, reason) ? DENIALS[reason as DenialReason].help : '';
  return help.replaceAll('HOST:PORT', () => targetText(host)).replaceAll('HOST', () => host.host);
}

function Allow({ entry, policy: { domains, onAllow } }: { entry: string; policy: Policy }) {
  if (isCovered(entry, domains)) return <small> allowed now</small>;
  if (!onAllow) return null;
  const word = entry.startsWith('.') ? 'Allow all of' : 'Allow';
  return (
    <button type="button" class="small" onClick={() => onAllow([entry])} aria-label={`${word} ${entry}`}>
      {entry.startsWith('.') ? 'Allow all' : 'Allow'}
    </button>
  );
}

/** What was let through. */
export function AllowedHosts({ groups }: { groups: readonly HostGroup[] }) {
  const [all, setAll] = useState(false);
  return (
    <Card title="Allowed" more={<span class="dim">{some(groups.length, 'domain')}</span>}>
      {groups.length === 0 && <p class="dim">It has reached nothing so far.</p>}
      {groups.length > 0 && (
        <table class="hosts">
          <thead>
            <tr>
              <th scope="col">Host</th>
              <th scope="col" class="number">
                Times
              </th>
              <th scope="col" class="number">
                Down
              </th>
              <th scope="col" class="number not-narrow">
                Up
              </th>
            </tr>
          </thead>
          {(all ? groups : groups.slice(0, FIRST)).map(({ domain, hosts, count: decisions }) => (
            <tbody key={domain}>
              {hosts.length > 1 && (
                <tr class="group">
                  <th scope="rowgroup">
                    <Text>{domain}</Text> <small>{some(hosts.length, 'host')}</small>
                  </th>
                  <td class="number">{count(decisions)}</td>
                  <td class="number">{bytes(hosts, 'down')}</td>
                  <td class="number not-narrow">{bytes(hosts, 'up')}</td>
                </tr>
              )}
              {hosts.map((host) => (
                <tr key={targetText(host)} class={hosts.length > 1 ? 'of-group' : undefined}>
                  <th scope="row">
                    <Text>{targetText(host)}</Text>
                  </th>
                  <td class="number">{count(host.allowed)}</td>
                  <td class="number">{bytes([host], 'down')}</td>
                  <td class="number not-narrow">{bytes([host], 'up')}</td>
                </tr>
              ))}
            </tbody>
          ))}
        </table>
      )}
      <More groups={groups} all={all} onAll={setAll} />
    </Card>
  );
}

function bytes(hosts: readonly Host[], direction: 'up' | 'down'): string {
  const known = hosts.flatMap((host) => host[direction] ?? []);
  return known.length === 0 ? '–' : size(known.reduce((sum, one) => sum + one, 0));
}

interface MoreProps {
  groups: readonly HostGroup[];
  all: boolean;
  onAll: (all: boolean) => void;
}

function More({ groups, all, onAll }: MoreProps) {
  if (groups.length <= FIRST) return null;
  return (
    <button type="button" class="small" onClick={() => onAll(!all)}>
      {all ? `Show the first ${FIRST}` : `Show all ${groups.length}`}
    </button>
  );
}
