import { andMore, MAX_PROBLEMS } from '../../admission/problem.js';
import { GatewayError } from '../../docker/engine/errors.js';
import { AdmissionRefused, UsageError } from '../errors.js';

/** Every error that the API answers, and its status. */
export const API_ERRORS = {
  'invalid-request': 400,
  unauthorized: 401,
  'not-accepted': 403,
  'not-allowed': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  conflict: 409,
  'precondition-failed': 412,
  'body-too-large': 413,
  'unsupported-media-type': 415,
  'precondition-required': 428,
  internal: 500,
  unavailable: 503,
  closing: 503,
} as const satisfies Record<string, number>;

export type ApiErrorCode = keyof typeof API_ERRORS;

/** Something wrong in a request, and where: `network.Domains[1]`. */
export interface RequestProblem {
  readonly path: string;
  readonly problem: string;
}

/** An answer of the API that is an error; the message is one line for a person. Never leaves the service. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly code: ApiErrorCode,
    message: string,
    readonly problems: readonly RequestProblem[] = [],
  ) {
    super(message);
  }

  get status(): number {
    return API_ERRORS[this.code];
  }

  /** A body or parameters that are not valid. */
  static invalid(all: readonly RequestProblem[]): ApiError {
    const more = all.length - MAX_PROBLEMS;
    // The last of a job's own may be such a count already.
    const problems = more > 1 ? [...all.slice(0, MAX_PROBLEMS), { path: '', problem: andMore(more) }] : all;
    const text = problems.map(({ path, problem }) => (path === '' ? problem : `${path}: ${problem}`));
    return new ApiError('invalid-request', text.join('; '), problems);
  }
}

/** What any error is to a caller; undefined for one that was not foreseen. */
export function asApiError(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof AdmissionRefused) return new ApiError('not-accepted', error.message);
  if (error instanceof GatewayError) return new ApiError('unavailable', error.message);
  if (error instanceof UsageError) return ApiError.invalid([{ path: '', problem: error.message }]);
  return undefined;
}

/** The body of an error answer. */
export function errorBody(error: ApiError) {
  return {
    error: error.code,
    message: error.message,
    ...(error.problems.length > 0 && { problems: error.problems }),
  };
}
