import { MAX_PROBLEMS } from '../../admission/problem.js';
import type { Verdict } from '../../admission/rule.js';
import { type ApiError, errorBody } from './api-error.js';

/**
 * Bytes of a text in an answer to a node: it reads head and body up to 4,096 bytes in all and takes anything longer for
 * no answer. Such a text is there twice at most, the head has some 500 bytes.
 */
const MAX_TEXT_BYTES = 1_200;
const MAX_PROBLEMS_BYTES = 600;

/** A verdict, short enough to be read. */
export function verdictBody({ shouldBid, reason }: Verdict): Verdict {
  return { shouldBid, reason: cut(reason) };
}

/** An error as a refusal: the node that asks may read no more than the reason. */
export function refusalBody(error: ApiError): object {
  const body = errorBody(error);
  // The last of very many says how many more there are.
  const last = error.problems.length > MAX_PROBLEMS ? `; ${error.problems.at(-1)?.problem}` : '';
  const message = cut(body.message.slice(0, body.message.length - last.length)) + last;
  let left = MAX_PROBLEMS_BYTES;
  const problems = body.problems?.filter((problem) => {
    left -= Buffer.byteLength(JSON.stringify(problem)) + 1;
    return left >= 0;
  });
  return { ...body, message, ...(problems && { problems }), shouldBid: false, reason: message };
}

function cut(text: string): string {
  let size = 0;
  let end = 0;
  for (const sign of text) {
    size += Buffer.byteLength(JSON.stringify(sign)) - 2;
    if (size > MAX_TEXT_BYTES) return `${text.slice(0, end)}… (${text.length - end} more characters)`;
    end += sign.length;
  }
  return text;
}
