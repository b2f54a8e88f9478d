/** The server said no: its own sentence. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** @throws ApiProblem; TypeError where the server cannot be reached. */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const answer = await fetch(path, init);
  if (answer.ok) return answer.json() as Promise<T>;
  throw await problemOf(answer);
}

/** What an answer says that is none of the asked. The session is over, say: then the page asks for the token again. */
export async function problemOf(answer: Response): Promise<ApiProblem> {
  if (answer.status === 401) location.reload();
  const said: { message?: unknown; problems?: { path: string; problem: string }[] } = await answer
    .json()
    .catch(() => ({}));
  const more = said.problems?.map(({ path, problem }) => `${path} ${problem}`.trim()) ?? [];
  const message = typeof said.message === 'string' ? said.message : `the server answers ${answer.status}`;
  return new ApiProblem(answer.status, [message, ...more].join('; '));
}

/** Of part of a path. */
export const path = (strings: TemplateStringsArray, ...parts: string[]) =>
  String.raw({ raw: strings }, ...parts.map(encodeURIComponent));
