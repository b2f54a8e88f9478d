import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { packageFile } from '../../../proxy/util/package-files.js';
import { ApiError } from '../api-error.js';
import type { Auth } from '../auth.js';
import { type Route, route } from '../route.js';
import { callerOf } from '../server.js';
import type { Service } from '../service.js';
import { livePage, loginPage, PAGE_HEADERS } from './html.js';

const FILES = {
  '/page.js': 'text/javascript; charset=utf-8',
  '/page.css': 'text/css; charset=utf-8',
} as const;

const HTML = 'text/html; charset=utf-8';

/** The live page and its files. On host:port it asks for the token first. */
export function pageRoutes(service: Service, auth: Auth): Route[] {
  const files = Object.entries(FILES).map(([path, type]) => {
    const content = readFileSync(packageFile(`src/service/page${path}`));
    return route({
      method: 'GET',
      path,
      summary: 'A file of the page',
      access: 'open',
      hidden: true,
      answers: {},
      handle: async (_input, reply) => {
        reply.type(type);
        return content;
      },
    });
  });
  return [
    ...files,
    route({
      method: 'GET',
      path: '/',
      summary: 'The live page',
      access: 'open',
      hidden: true,
      answers: {},
      handle: async (_input, reply, request) => {
        reply.headers(PAGE_HEADERS).type(HTML);
        return auth.maySee(callerOf(request))
          ? livePage(service.gateways.list().map((one) => one.view()))
          : loginPage();
      },
    }),
    route({
      method: 'POST',
      path: '/session',
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
          return loginPage(error.message);
        }
        reply.code(303).header('Location', '/');
        return '';
      },
    }),
  ];
}
