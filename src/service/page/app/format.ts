const NUMBER = new Intl.NumberFormat('en');
const DIGITS = new Intl.NumberFormat('en', { maximumSignificantDigits: 3, useGrouping: false });
const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'];

/** `1,234` */
export const count = (value: number) => NUMBER.format(value);

/** Three digits, and a prefix: `9.8 M` */
function scaled(value: number, unit: string): string {
  let power = 0;
  let left = value;
  // What is rounded up to a thousand is one of the next.
  while (left >= 999.5 && power < PREFIXES.length - 1) {
    left /= 1000;
    power++;
  }
  return `${DIGITS.format(power === 0 ? Math.round(left) : left)}\u00a0${PREFIXES[power]}${unit}`;
}

/** bit/s: `9.8 Mbit/s` */
export const rate = (value: number) => scaled(value, 'bit/s');
/** bytes: `15.3 MB` */
export const size = (value: number) => scaled(value, 'B');

/** ms: `45 s`, `3 min`, `2 h 5 min`, `4 d` */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 || hours >= 10 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d`;
}

/** The time of a place and a day, as where the reader is. */
export const exact = (time: Date) => WHEN.format(time);
/** `14:03:20` */
export const clock = (time: Date) => CLOCK.format(time);
/** `3 times` */
export const times = (value: number) => (value === 1 ? 'once' : `${count(value)} times`);
/** `1 host`, `3 hosts` */
export const some = (value: number, one: string, many = `${one}s`) =>
  `${count(value)} ${value === 1 ? one : many}`;
