import type { Below } from '../soak/runner.js';

/** What grammars have their limits and seams at. */
const WORDS = [
  ...['\0', '\r', '\n', '\r\n', '\r\n\r\n', ' ', '\t', '\x0b', '\x7f', '\xff', '\u0080', '\uFEFF'],
  ...[':', '/', '%', '@', '.', '..', ',', ';', '"', "'", '\\', '[', ']', '{', '}', '<', '#', '*', '-', '_'],
  ...['&a ', '*a', '<<: ', '? ', '- ', '--- ', '!!', '|\n', '\\u0041', '\u212a', '\u017f', '\u3002'],
  ...['0', '-1', '65535', '65536', '4294967296', '9007199254740993', '1e9', '0x10', 'null', 'true'],
  ...['__proto__', 'constructor', 'a.test', '127.0.0.1', '::1', '10mbit', '1GiB', 'chunked', 'close'],
];
const LONGEST = 4_096;

/** One of a pool with a few changes, some of them taken from another. */
export function mutatedText(pool: readonly string[], below: Below): string {
  const any = () => pool[below(pool.length)] ?? '';
  // What reached new code last is where more of that may be.
  let text = below(2) === 0 ? any() : (pool[pool.length - 1 - below(Math.ceil(pool.length / 4))] ?? '');
  for (let edits = 1 + below(4); edits > 0; edits--) text = edited(text, any, below);
  return text.slice(0, LONGEST);
}

function edited(text: string, any: () => string, below: Below): string {
  const at = below(text.length + 1);
  const end = Math.min(text.length, at + (below(3) === 0 ? below(64) : 1 + below(4)));
  const [before, part, behind] = [text.slice(0, at), text.slice(at, end), text.slice(end)];
  const word = () => WORDS[below(WORDS.length)] as string;
  switch (below(9)) {
    case 0:
      return before + behind;
    case 1:
      return before + part.repeat(2 + below(below(20) === 0 ? 200 : 3)) + behind;
    case 2:
      return before + word() + part + behind;
    case 3:
      return before + word() + behind;
    case 4:
      return before + String.fromCharCode(below(256)) + text.slice(at + 1);
    case 5: {
      const other = any();
      const from = below(other.length + 1);
      return before + other.slice(from, from + 1 + below(60)) + (below(2) === 0 ? part : '') + behind;
    }
    case 6:
      return before + any().slice(below(text.length + 1));
    case 7: {
      const bit = String.fromCharCode(text.charCodeAt(at) ^ (1 << below(8)));
      return at < text.length ? before + bit + text.slice(at + 1) : text;
    }
    default: {
      const upper = part.toUpperCase();
      return before + (upper === part ? part.toLowerCase() : upper) + behind;
    }
  }
}
