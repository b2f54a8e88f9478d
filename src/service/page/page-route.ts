import { z } from 'zod';
import { ApiError } from '../api-error.js';
import type { Auth } from '../auth.js';
import { type Route, route } from '../route.js';
import { callerOf } from '../server.js';
import { readPageFiles } from './files.js';
import { loginPage, noTokenPage, PAGE_HEADERS, shell } from './html.js';

const HTML = 'text/html; charset=utf-8';
const FOR_EVER = 'public, max-age=31536000, immutable';

/** The page and its files. On host:port it asks for the token first. */
export function pageRoutes(auth: Auth): Route[] {
  const files = readPageFiles();
  // A development server started from the sources.
  if (!files) return [];
  return [
    route({
      method: 'GET',
      path: '/page/{name}',
      summary: 'A file of the page',
      access: 'open',
      hidden: true,
      params: z.object({ name: z.string() }),
      answers: {},
      handle: async ({ params }, reply, { headers }) => {
        const file = Object.values(files).find(({ path }) => path === `/page/${params.name}`);
        if (!file) throw new ApiError('not-found', 'the page was changed: load it again');
        reply.type(file.type).headers({ 'Cache-Control': FOR_EVER, Vary: 'Accept-Encoding' });
        if (!/\bgzip\b/.test(headers['accept-encoding'] ?? '')) return file.content;
        reply.header('Content-Encoding', 'gzip');
        return file.gzipped;
      },
    }),
    route({
      method: 'GET',
      path: '/',
      summary: 'The page',
      access: 'open',
      hidden: true,
      answers: {},
      handle: async (_input, reply, request) => {
        reply.headers(PAGE_HEADERS).type(HTML);
        if (auth.maySee(callerOf(request))) return shell(files);
        return auth.hasToken ? loginPage(files) : noTokenPage(files);
      },
    }),
    route({
      method: 'POST',
      path: '/',
      summary: 'Exchanges the token for a cookie',
      access: 'open',
      hidden: true,
      form: true,
      body: z.object({ token: z.string() }),
      answers: {},
      handle: async ({ body }, reply) => {
        reply.headers(PAGE_HEADERS);
        try {
          reply.header('Set-Cookie', auth.openSession(body.token));
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          reply.code(error.status).type(HTML);
          return loginPage(files, error.message);
        }
        reply.code(303).header('Location', '/');
        return '';
      },
    }),
  ];
}
