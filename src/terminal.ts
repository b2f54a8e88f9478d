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

/** Writes a message for a person. All that commands say goes through here; the job's own output does not. */
export function tell(text: string, out: NodeJS.WritableStream = process.stderr): void {
  out.write(visible(text));
}
