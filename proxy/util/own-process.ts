import { readFileSync } from 'node:fs';

/** A file of this process below /proc; nothing where there is none. */
function read(name: 'status' | 'limits'): string {
  try {
    return readFileSync(`/proc/self/${name}`, 'utf8');
  } catch {
    return '';
  }
}

const SETS = { effective: /^CapEff:\s*([0-9a-f]+)/m, permitted: /^CapPrm:\s*([0-9a-f]+)/m };

/** This process's capabilities, a bit each (capabilities(7)); none where they cannot be told. */
export function capabilities(set: keyof typeof SETS, status = read('status')): bigint {
  return BigInt(`0x${SETS[set].exec(status)?.[1] ?? '0'}`);
}

/** How many files this process may have open; NaN where that cannot be told. */
export function mostOpenFiles(limits = read('limits')): number {
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.NaN);
}
