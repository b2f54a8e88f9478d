/** Characters of it at most. */
const MAX_NAME = 128;
/** What is looked at of a text, UTF-16 units. */
const MAX_TEXT = 1_024;
/** What changes how the text around it is read, or shows nothing; U+2800 is braille without a dot. */
const UNSHOWN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]+/gu;
/** Marks that are put over others: more would cover the lines around. */
const TOO_MANY_MARKS = /(\p{M}{2})\p{M}+/gu;

/**
 * What people call a job, as far as it can be shown: one line of 128 characters at most, without those that change how
 * the text around them is read, that show nothing, or that cover others. It is whatever a stranger wrote, and names nothing.
 *
 * @returns undefined where there is none, or nothing is left of it.
 */
export function jobName(text: string | undefined): string | undefined {
  const line = (text ?? '').slice(0, MAX_TEXT).replace(UNSHOWN, ' ').replace(TOO_MANY_MARKS, '$1');
  const name = [...line.trim()].slice(0, MAX_NAME).join('').trim();
  return /[^\p{M} ]/u.test(name) ? name : undefined;
}

/** The same as the part of a policy that it is. */
export function named(text: string | undefined): { readonly name?: string } {
  const name = jobName(text);
  return name === undefined ? {} : { name };
}
