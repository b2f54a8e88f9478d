import type { HostEntry } from './entry.js';

/** The ports of all entries that name the same host, or the same name with all below it. */
interface PortSet {
  /** True where one of the entries has no port. */
  bare: boolean;
  readonly ports: Set<number>;
}

export interface Slot {
  exact?: PortSet;
  below?: PortSet;
}

/**
 * Entries by host. A look-up costs one probe of a map per label of the name, whatever the number of entries.
 * Addresses need no care of their own: no name ends in a number, so no entry is a suffix of an address.
 */
export class HostTable {
  readonly #slots: Map<string, Slot>;

  /** The map can be passed in, so that a test counts its probes. */
  constructor(slots: Map<string, Slot> = new Map()) {
    this.#slots = slots;
  }

  add({ host, subdomains, port }: HostEntry): void {
    const slot = this.#slots.get(host) ?? {};
    this.#slots.set(host, slot);
    const key = subdomains ? 'below' : 'exact';
    const set = slot[key] ?? { bare: false, ports: new Set() };
    slot[key] = set;
    if (port === undefined) set.bare = true;
    else set.ports.add(port);
  }

  /** The ports of the entries for this host alone. */
  exact(host: string): PortSet | undefined {
    return this.#slots.get(host)?.exact;
  }

  /** The dot entries that contain the host, the narrowest first; `name` is without the leading dot. */
  above(host: string): { readonly name: string; readonly set: PortSet }[] {
    const found: { name: string; set: PortSet }[] = [];
    for (let name = host; ; ) {
      const set = this.#slots.get(name)?.below;
      if (set !== undefined) found.push({ name, set });
      const dot = name.indexOf('.');
      if (dot < 0) return found;
      name = name.slice(dot + 1);
    }
  }

  /** All entries that contain the host. */
  containing(host: string): PortSet[] {
    const found: PortSet[] = [];
    const exact = this.exact(host);
    if (exact !== undefined) found.push(exact);
    for (let name = host; this.#slots.size > 0; ) {
      const set = this.#slots.get(name)?.below;
      if (set !== undefined) found.push(set);
      const dot = name.indexOf('.');
      if (dot < 0) break;
      name = name.slice(dot + 1);
    }
    return found;
  }
}
