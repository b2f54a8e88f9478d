import type { Check, Control, Named } from '../check.js';
import type { Attempt } from '../inside/plan.js';
import type { World } from '../world.js';

type WithoutMark<A> = A extends unknown ? Omit<A, 'mark'> : never;

/** An attempt, or one that has its mark in what it says. */
type Made = WithoutMark<Attempt> | ((mark: string) => WithoutMark<Attempt>);

export function tryOf({ marks }: World, name: string, made: Made): Named {
  const mark = marks.next();
  return { name, attempt: { ...(typeof made === 'function' ? made(mark) : made), mark } as Attempt };
}

export function controlOf(world: World, from: Control['from'], name: string, made: Made): Control {
  return { ...tryOf(world, name, made), from };
}

/** HTTP/1.1 of a request without a body. */
export const http = (first: string, ...headers: readonly string[]) =>
  [`${first} HTTP/1.1`, ...headers, '', ''].join('\r\n');

export const bracketed = (address: string) => (address.includes(':') ? `[${address}]` : address);

/** A check of what is not there. */
export const missing = (group: string, title: string, why: string): Check => ({
  group,
  title,
  tries: [],
  controls: [],
  missing: why,
});
