/**
 * What a terminal would obey or hide: control characters (C0 without tab and newline, DEL, C1), marks that turn the
 * direction of text, and separators of lines and paragraphs.
 */
const OBEYED = /(?![\t\n])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Text for a terminal, whoever wrote it: what it would obey is shown instead, as `\x1b`. */
export function visible(text: string): string {
  return text.replace(OBEYED, shown);
}

function shown(char: string): string {
  const code = char.charCodeAt(0).toString(16);
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
}

/** The same for a line of JSON whose texts a reader is going to print: they hold what is shown. */
export function visibleInJson(line: string): string {
  return line
    .replace(/\\(?:u00([01][0-9a-f])|.)/g, (pair, code: string | undefined) =>
      code !== undefined || SHORT[pair] ? `\\\\x${code ?? SHORT[pair]}` : pair,
    )
    .replace(OBEYED, (char) => `\\${shown(char)}`);
}

const SHORT: Readonly<Record<string, string>> = { '\\b': '08', '\\f': '0c', '\\r': '0d' };

/** JSON with nothing in it that a terminal would obey. */
export function terminalJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    OBEYED,
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
