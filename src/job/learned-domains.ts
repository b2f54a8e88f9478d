import { type AllowEntry, Allowlist, parseEntry } from '../../proxy/policy/allowlist.js';
import { parseHost } from '../../proxy/policy/authority.js';
import type { ProxyEvent } from '../../proxy/report/events.js';

/** So many different hosts are learned at most. */
const MAX_HOSTS = 1_000;

/** Collects the domains that a job needs: those of its list that it used, and what was let through to be learned. */
export class LearnedDomains {
  #declared: readonly { readonly entry: AllowEntry; readonly list: Allowlist }[] = [];
  readonly #allowPorts: readonly number[];
  readonly #needed = new Set<string>();

  /** @param allow the job's list. */
  constructor(allow: readonly string[], allowPorts: readonly number[] = []) {
    this.#allowPorts = allowPorts;
    this.declare(allow);
  }

  /** The job's list is another one from now on. */
  declare(allow: readonly string[]): void {
    const allowPorts = this.#allowPorts;
    this.#declared = Allowlist.parse(allow, { allowPorts }).entries.map((entry) => ({
      entry,
      list: Allowlist.parse([entry.text], { allowPorts }),
    }));
  }

  add(event: ProxyEvent): void {
    if (event.type !== 'decision' || event.decision !== 'allow' || this.#needed.size >= MAX_HOSTS) return;
    const host = parseHost(event.host);
    if (!host.ok) return;
    if (event.learned) {
      this.#needed.add(host.value.kind === 'ipv6' ? `[${event.host}]` : event.host);
      return;
    }
    const used = this.#declared.find(
      ({ list }) => list.match(host.value.host, event.port, () => true) === 'allowed',
    );
    if (used) this.#needed.add(used.entry.text);
  }

  /** The list that the job would have needed, collapsed. */
  list(): string[] {
    const entries = [...this.#needed].filter((text) => parseEntry(text, ANY_PORT).ok);
    return Allowlist.parse(entries, ANY_PORT)
      .entries.map(({ text }) => text)
      .sort();
  }

  /** The same to be pasted on a command line, and into a job spec. */
  text(): string {
    const list = this.list();
    if (list.length === 0) return 'jobgate learned: the job reached no host\n';
    const flags = list.map((entry) => `--domain ${entry}`).join(' ');
    return `jobgate learned: the job needs\n  ${flags}\n  Domains: ${JSON.stringify(list)}\n`;
  }
}

const ANY_PORT = { allowPorts: Array.from({ length: 1023 }, (_, index) => index + 1) };
