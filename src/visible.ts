/**
 * What a terminal would obey or hide: control characters (C0 without tab and newline, DEL, C1), marks that turn the
 * direction of text, and separators of lines and paragraphs.
 */
const OBEYED = /(?![\t\n])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Text for a terminal or a page, whoever wrote it: what would be obeyed is shown instead, as `\x1b`. */
export function visible(text: string): string {
  return text.replace(OBEYED, shownAs);
}

/** Each character that would be obeyed, as `replace` says. */
export function replaceObeyed(text: string, replace: (char: string) => string): string {
  return text.replace(OBEYED, replace);
}

/** `\x1b`, `\u202e` */
export function shownAs(char: string): string {
  const code = char.charCodeAt(0).toString(16);
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
}
