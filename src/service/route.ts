import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { formatPath, type PathSegment, shown } from '../../admission/problem.js';
import { ApiError, type RequestProblem } from './api-error.js';
import { nearest } from './nearest.js';

/** Who may ask: `node` needs the token where there is one, `probe` never does from this machine itself, `open` never. */
export type Access = 'node' | 'probe' | 'open';

interface Answer {
  readonly description: string;
  /** The JSON body; absent where `content` names another type. */
  readonly schema?: z.ZodType;
  readonly content?: string;
  /** Headers of it that say something, and what. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One route of the API: what it takes, what it answers, and who may ask. The OpenAPI document is made of these. */
export interface Route<Body = unknown, Params = unknown, Query = unknown> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** As OpenAPI writes it: `/v1/gateways/{id}` */
  readonly path: string;
  readonly summary: string;
  /** In the OpenAPI document, where it is what generated clients call the method. */
  readonly operationId?: string;
  readonly tag?: string;
  readonly access: Access;
  readonly body?: z.ZodType<Body>;
  /** Bytes of a body, where it is not the usual limit. */
  readonly bodyLimit?: number;
  readonly params?: z.ZodType<Params>;
  readonly query?: z.ZodType<Query>;
  /** Headers that it takes; the handler reads them. */
  readonly headers?: z.ZodType;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Takes a form of the page, and not JSON. */
  readonly form?: boolean;
  /** Not in the OpenAPI document. */
  readonly hidden?: boolean;
  handle(
    input: { readonly body: Body; readonly params: Params; readonly query: Query },
    reply: FastifyReply,
    request: FastifyRequest,
  ): Promise<unknown>;
}

/** Infers the types of what the handler gets. */
export function route<Body, Params, Query>(given: Route<Body, Params, Query>): Route {
  return given as unknown as Route;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
}

export const FORM = 'application/x-www-form-urlencoded';

/** Registers a route: input that is not valid is answered with all its problems, and never reaches the handler. */
export function register(app: FastifyInstance, one: Route): void {
  app.route({
    method: one.method,
    url: one.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    config: { access: one.access },
    ...(one.bodyLimit !== undefined && { bodyLimit: one.bodyLimit }),
    handler: async (request, reply) => {
      const isForm = request.headers['content-type']?.startsWith(FORM) ?? false;
      if (one.body && isForm !== (one.form ?? false)) {
        throw new ApiError('unsupported-media-type', 'send JSON: Content-Type: application/json');
      }
      const problems: RequestProblem[] = [];
      const input = {
        body: read(one.body, request.body, '', problems),
        params: read(one.params, request.params, '', problems),
        query: read(one.query, request.query, '?', problems),
      };
      // A filter that is misspelt would be one that lets everything through.
      if (!one.hidden) problems.push(...unknownParameters(one, request.query as object));
      if (problems.length > 0) throw ApiError.invalid(problems);
      return one.handle(input, reply, request);
    },
  });
}

function read(
  schema: z.ZodType | undefined,
  value: unknown,
  prefix: string,
  problems: RequestProblem[],
): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const at = issue.path as PathSegment[];
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys)
        problems.push({ path: prefix + formatPath([...at, key]), problem: 'unknown field' });
    } else {
      const missing = issue.code === 'invalid_type' && at.length > 0 && valueAt(value, at) === undefined;
      problems.push({ path: prefix + formatPath(at), problem: missing ? 'missing' : issue.message });
    }
  }
  return undefined;
}

function unknownParameters({ query }: Route, given: object): RequestProblem[] {
  const known = Object.keys((query as z.ZodObject | undefined)?.shape ?? {});
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => {
      const near = nearest(name, known);
      const all = known.length > 0 ? `there are ?${known.join(', ?')}` : 'there are none here';
      const hint = near === undefined ? all : `did you mean ?${near}?`;
      return { path: `?${shown(name)}`, problem: `unknown parameter: ${hint}` };
    });
}

function valueAt(value: unknown, path: readonly PathSegment[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (at as Record<PathSegment, unknown> | null | undefined)?.[key],
    value,
  );
}
