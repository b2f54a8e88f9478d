import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { Allowlist, parseEntry } from '../proxy/policy/allowlist.js';
import type { Logger } from '../proxy/policy/logger.js';
import { AdmissionConfigError } from './config.js';

/** A list of domains is text; more than this is a mistake. */
const MAX_BYTES = 16 * 1024 * 1024;
/** How often the file is looked at when nobody asks, ms. */
const POLL_MS = 2000;
/** Two writes within a tick of the file system's clock leave the same stat: this long after a change, ms, bytes count. */
const TICK_MS = 1000;
/** How long a file that looks half written must stay as it is before it counts, ms. */
const QUIET_MS = 100;

/** What is in force of a domain file. */
export interface DomainFileState {
  readonly file: string;
  /** Entries in force, collapsed. */
  readonly entries: number;
  /** When the list in force was read, ms since the epoch. */
  readonly loadedAt: number;
  /** How often a changed file was taken over since the start. */
  readonly reloads: number;
  /** Why the file as it is now is not in force, while the list before it is. */
  readonly problem?: string;
}

interface DomainFileOptions {
  readonly logger?: Logger;
  /** Ports below 1024 that entries may name. */
  readonly allowPorts?: readonly number[];
}

/**
 * The node's list of domains in a file: one a line, `#` begins a comment. Every look at {@link current} sees the file
 * as it is: a stat costs microseconds, and needs no watcher that a rename, a symbolic link or a network file system
 * deceives. Synchronous, because libuv's threads may all be waiting for slow names. A file that is broken or gone
 * changes nothing, and is logged as an error.
 */
export class AllowedDomainsFile {
  readonly #file: string;
  readonly #options: DomainFileOptions;
  readonly #timer: NodeJS.Timeout;
  #allowlist: Allowlist;
  /** The last bytes judged, good or bad, and the stat they had. */
  #judged: Content;
  #changedAt = 0;
  #halfWritten: { readonly bytes: Buffer; readonly since: number } | undefined;
  #state: DomainFileState;

  /** @throws AdmissionConfigError where the file cannot be read or has lines that are no domains. */
  constructor(file: string, options: DomainFileOptions = {}) {
    this.#file = file;
    this.#options = options;
    try {
      this.#judged = read(file);
      this.#allowlist = parse(this.#judged.bytes, options.allowPorts);
    } catch (error) {
      throw new AdmissionConfigError(`AllowedDomainsFile ${file}: ${(error as Error).message}`);
    }
    this.#state = { file, entries: this.#allowlist.entries.length, loadedAt: Date.now(), reloads: 0 };
    this.#tell('domain allowlist read');
    this.#timer = setInterval(() => this.refresh(), POLL_MS);
    this.#timer.unref();
  }

  /** The list in force, as of now. */
  get current(): Allowlist {
    this.refresh();
    return this.#allowlist;
  }

  get state(): DomainFileState {
    return this.#state;
  }

  /** Looks at the file, and takes it over where it has changed. */
  refresh(): void {
    try {
      const { identity } = stat(this.#file);
      if (identity === this.#judged.identity && Date.now() - this.#changedAt > TICK_MS) return;
      const content = read(this.#file);
      const moved = content.identity !== this.#judged.identity;
      if (content.bytes.equals(this.#judged.bytes) && !(moved && this.#state.problem)) {
        this.#judged = content;
        this.#halfWritten = undefined;
        return;
      }
      if (this.#mayBeHalfWritten(content)) return;
      this.#changedAt = Date.now();
      this.#judged = content;
      this.#allowlist = parse(content.bytes, this.#options.allowPorts);
    } catch (error) {
      this.#keep((error as Error).message);
      return;
    }
    this.#state = {
      file: this.#file,
      entries: this.#allowlist.entries.length,
      loadedAt: Date.now(),
      reloads: this.#state.reloads + 1,
    };
    this.#tell('domain allowlist reloaded');
  }

  close(): void {
    clearInterval(this.#timer);
  }

  // Written in place, a file is empty at first and may end in the middle of a name, which can be a name as well.
  // What was renamed into its place is whole.
  #mayBeHalfWritten({ bytes, inode }: Content): boolean {
    const ended = bytes.length > 0 && bytes[bytes.length - 1] === 0x0a;
    if (inode !== this.#judged.inode || ended) {
      this.#halfWritten = undefined;
      return false;
    }
    const before = this.#halfWritten;
    if (before?.bytes.equals(bytes)) return Date.now() - before.since < QUIET_MS;
    this.#halfWritten = { bytes, since: Date.now() };
    setTimeout(() => this.refresh(), QUIET_MS + 1).unref();
    return true;
  }

  #keep(problem: string): void {
    if (problem === this.#state.problem) return;
    this.#state = { ...this.#state, problem };
    const { file, entries } = this.#state;
    this.#options.logger?.error(
      { file, entries, problem },
      'the domain allowlist is broken: the one before it stays in force',
    );
  }

  #tell(message: string): void {
    const { file, entries, reloads } = this.#state;
    const { collapsed, warnings } = this.#allowlist;
    this.#options.logger?.info({ file, entries, collapsed: collapsed.length, reloads }, message);
    for (const warning of warnings) this.#options.logger?.warn({ file }, warning);
  }
}

interface Content {
  readonly bytes: Buffer;
  readonly inode: string;
  /** Differs after every change that the file system's clock can tell apart. */
  readonly identity: string;
}

function stat(target: string | number): { identity: string; inode: string; size: bigint } {
  const { dev, ino, size, mtimeNs, ctimeNs } =
    typeof target === 'string' ? statSync(target, { bigint: true }) : fstatSync(target, { bigint: true });
  return { inode: `${dev}.${ino}`, identity: `${dev}.${ino}.${size}.${mtimeNs}.${ctimeNs}`, size };
}

function read(file: string): Content {
  const descriptor = openSync(file, 'r');
  try {
    // Before the bytes: a write in between shows as a change next time.
    const { inode, identity, size } = stat(descriptor);
    if (size > MAX_BYTES) throw new Error('larger than 16 MiB: not a list of domains');
    return { inode, identity, bytes: readFileSync(descriptor) };
  } finally {
    closeSync(descriptor);
  }
}

/** The entries of a domain file: one a line, `#` begins a comment, white space around it doesn't count. */
export function domainLines(text: string): { readonly line: number; readonly entry: string }[] {
  return text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line, index) => ({ line: index + 1, entry: line.replace(/#.*/s, '').trim() }))
    .filter(({ entry }) => entry !== '');
}

function parse(bytes: Buffer, allowPorts: readonly number[] = []): Allowlist {
  const lines = domainLines(bytes.toString('utf8'));
  const problems = lines.flatMap(({ line, entry }) => {
    const parsed = parseEntry(entry, { allowPorts });
    return parsed.ok ? [] : [`line ${line}: ${parsed.problem}`];
  });
  if (problems.length > 0) throw new Error(problems.slice(0, 10).join('; '));
  return Allowlist.parse(
    lines.map(({ entry }) => entry),
    { allowPorts },
  );
}
