/** Characters of it at most. */
const MAX_NAME = 128;
/** What is looked at of a text, UTF-16 units. */
const MAX_TEXT = 1_024;

/**
 * What people call a job, as far as it can be shown: one line of 128 characters at most, without those that change how
 * the text around them is read. It is whatever a stranger wrote, and names nothing.
 *
 * @returns undefined where there is none, or nothing is left of it.
 */
export function jobName(text: string | undefined): string | undefined {
  const line = (text ?? '').slice(0, MAX_TEXT).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Z}]+/gu, ' ');
  const name = [...line.trim()].slice(0, MAX_NAME).join('').trim();
  return name === '' ? undefined : name;
}

/** The same as the part of a policy that it is. */
export function named(text: string | undefined): { readonly name?: string } {
  const name = jobName(text);
  return name === undefined ? {} : { name };
}
