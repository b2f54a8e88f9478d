import { ApiError } from '../api-error.js';

/** So much of the header is read. */
const MAX_LENGTH = 8_192;

/** The revision of a policy as an entity tag (RFC 9110 section 8.8.3), which `If-Match` repeats. */
export const entityTag = (revision: string) => `"${revision}"`;

/**
 * Judges a precondition (RFC 9110 section 13.1.1) of a request that changes what may have been changed meanwhile.
 *
 * @throws ApiError `precondition-failed` where it names another revision, `precondition-required` where there is none
 *   (RFC 6585 section 3): whoever means "whatever it is by now" says `*`.
 */
export function assertMatches(ifMatch: string | undefined, revision: string): void {
  if (ifMatch === undefined) {
    throw new ApiError(
      'precondition-required',
      `send If-Match with the ETag of the gateway that the change is meant for (it is ${entityTag(revision)} now), or If-Match: *`,
    );
  }
  const tags = ifMatch.slice(0, MAX_LENGTH).split(',');
  if (tags.some((tag) => ['*', entityTag(revision)].includes(tag.trim()))) return;
  throw new ApiError(
    'precondition-failed',
    `the policy was changed meanwhile, its ETag is ${entityTag(revision)}: look at the gateway again`,
  );
}
