import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify';
import { parseExactJson } from '../../admission/exact-json.js';
import { shown } from '../../admission/problem.js';
import type { Logger } from '../../proxy/policy/logger.js';
import { ApiError, asApiError, errorBody } from './api-error.js';
import type { Auth, Caller } from './auth.js';
import { discardBody } from './discard-body.js';
import { openapi } from './openapi.js';
import { refusalBody } from './probe-answer.js';
import { FORM, type Route, register } from './route.js';

interface ServerOptions {
  readonly routes: readonly Route[];
  readonly auth: Auth;
  readonly logger: Logger;
  readonly version: string;
}

/** Size of a request body, bytes: a job spec with ten thousand domains fits. */
const BODY_LIMIT = 1 << 20;

const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

/** The HTTP server of the API and its page, not listening yet. */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { routes, auth, logger } = options;
  const app = fastify({
    bodyLimit: BODY_LIMIT,
    requestTimeout: 30_000,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 256 },
  });
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseExactJson(body as string));
    } catch (error) {
      done(Object.assign(error as Error, { statusCode: 400 }));
    }
  });
  // Of forms only that of the page is read, which has two fields.
  app.addContentTypeParser(FORM, { parseAs: 'string', bodyLimit: 4_096 }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(body as string))),
  );
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    auth.check(callerOf(request), request.routeOptions.config.access ?? 'node');
  });
  // A Bacalhau node takes application/json, and nothing longer, for an answer to its probe: not to hear is to accept.
  app.addHook('onSend', async (_request, reply, payload) => {
    if (String(reply.getHeader('content-type')).startsWith('application/json'))
      reply.header('content-type', 'application/json');
    return payload;
  });
  const bodyOf = (request: FastifyRequest, error: ApiError) => {
    const path = pathOf(request);
    const isProbe = routes.some((one) => one.access === 'probe' && one.path === path);
    return isProbe ? refusalBody(error) : errorBody(error);
  };
  app.addHook('onResponse', async (request, reply) => {
    const { method } = request;
    logger.debug(
      { method, path: pathOf(request), status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
      'answered',
    );
  });
  app.setErrorHandler(async (error, request, reply) => {
    const known =
      asApiError(error) ??
      ofFastify(error as { code?: string; statusCode?: number; message: string }, request);
    if (!known) logger.error({ err: error, method: request.method, path: pathOf(request) }, 'unexpected');
    const answer = known ?? new ApiError('internal', 'an unexpected error; the log has more');
    if (answer.code === 'unauthorized') reply.header('WWW-Authenticate', 'Bearer realm="jobgate"');
    if (answer.status === 503) reply.header('Retry-After', '1');
    await discardBody(request.raw);
    return reply.code(answer.status).send(bodyOf(request, answer));
  });
  app.setNotFoundHandler((request, reply) => {
    const methods = routes.filter((one) => matches(one.path, pathOf(request))).map(({ method }) => method);
    const path = shown(pathOf(request));
    const error =
      methods.length > 0
        ? new ApiError('method-not-allowed', `${path} takes ${methods.join(', ')}`)
        : new ApiError('not-found', `there is nothing at ${path}; see /openapi.json`);
    if (methods.length > 0) reply.header('Allow', methods.join(', '));
    reply.code(error.status).send(bodyOf(request, error));
  });
  for (const one of routes) register(app, one);
  const document = openapi(routes, options.version);
  app.get('/openapi.json', { config: { access: 'open' } }, async () => document);
  await app.ready();
  return app;
}

export function callerOf({ method, headers, socket }: FastifyRequest): Caller {
  return { method, headers, address: socket.remoteAddress };
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?')[0] ?? '';
}

function matches(template: string, path: string): boolean {
  const [a, b] = [template.split('/'), path.split('/')];
  return a.length === b.length && a.every((part, i) => part.startsWith('{') || part === b[i]);
}

function ofFastify(
  error: { code?: string; statusCode?: number; message: string },
  { routeOptions }: FastifyRequest,
): ApiError | undefined {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ApiError('body-too-large', `the body is larger than ${routeOptions.bodyLimit} bytes`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ApiError('unsupported-media-type', 'send JSON: Content-Type: application/json');
    default:
      break;
  }
  if (error.statusCode === undefined || error.statusCode >= 500) return undefined;
  return ApiError.invalid([{ path: '', problem: `not JSON: ${error.message}` }]);
}
