import { replaceObeyed, shownAs, visible } from './visible.js';

/** A line of JSON whose texts a reader is going to print: they hold what is shown of what a terminal would obey. */
export function visibleInJson(line: string): string {
  const escaped = line.replace(/\\(?:u00([01][0-9a-f])|.)/g, (pair, code: string | undefined) =>
    code !== undefined || SHORT[pair] ? `\\\\x${code ?? SHORT[pair]}` : pair,
  );
  return replaceObeyed(escaped, (char) => `\\${shownAs(char)}`);
}

const SHORT: Readonly<Record<string, string>> = { '\\b': '08', '\\f': '0c', '\\r': '0d' };

/** JSON with nothing in it that a terminal would obey. */
export function terminalJson(value: unknown, indent?: number): string {
  return replaceObeyed(
    JSON.stringify(value, null, indent),
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** What a program reads of a message, where it reads JSON; `msg` in place of its text. */
interface Fields {
  /** Default `info`. */
  readonly level?: 'info' | 'warn' | 'error';
  readonly msg?: string;
  readonly [name: string]: unknown;
}

let isJson = false;

/** What is told on stderr from now on: as text, or as lines of JSON like those of the log. */
export function tellAs(format: 'pretty' | 'json'): void {
  isJson = format === 'json';
}

/** Writes a message for a person. All that commands say goes through here; the job's own output does not. */
export function tell(text: string, out: NodeJS.WritableStream = process.stderr, fields: Fields = {}): void {
  const said = isJson && out === process.stderr ? toldInJson(text, fields) : visible(text);
  if (said !== '') out.write(said);
}

/** A line of JSON; empty where there is nothing to say. */
export function toldInJson(text: string, { level = 'info', ...fields }: Fields = {}): string {
  const msg = text.trim().replace(/^jobgate: /, '');
  if (msg === '') return '';
  return `${terminalJson({ level, time: new Date().toISOString(), msg, ...fields })}\n`;
}
