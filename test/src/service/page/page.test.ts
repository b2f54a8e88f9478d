import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPageFiles } from '../../../../src/service/page/files.js';
import { APT_MS } from '../../../support/apt.js';
import { startBrowser } from '../../../support/browser.js';
import { Cleanup } from '../../../support/cleanup.js';
import { ask, open } from '../../../support/serve.js';
import { startService, type TestService } from '../../../support/service.js';

const TOKEN = 'a-token-of-some-length';
/** Bytes, compressed: all that a browser loads before it asks for figures. */
const WEIGHT = 150_000;

describe('the page', () => {
  const suite = new Cleanup();
  let browser: Browser | undefined;
  let served: TestService;
  beforeAll(async () => {
    browser = await startBrowser();
    suite.add(() => browser?.close());
    served = suite.use(await startService({ rate: '8mbit' }, { token: TOKEN }));
  }, APT_MS);
  afterAll(() => suite[Symbol.asyncDispose]());

  const asNode = { headers: { authorization: `Bearer ${TOKEN}` } };
  const form = (token: string) => ({
    method: 'POST',
    body: `token=${token}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });

  it('asks for the token, and exchanges it for a cookie', async () => {
    const login = await ask(served.port, '/');
    expect(login).toMatchObject({ status: 200, body: expect.stringContaining('type="password"') });
    expect(login.body).not.toContain('<script');
    const wrong = await ask(served.port, '/', form('wrong'));
    expect(wrong).toMatchObject({ status: 401, body: expect.stringContaining('the token is wrong') });
    expect(wrong.headers['set-cookie']).toBeUndefined();
    const right = await ask(served.port, '/', form(TOKEN));
    expect(right).toMatchObject({ status: 303, headers: { location: '/' } });
    const cookie = right.headers['set-cookie']?.[0] ?? '';
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
    const headers = { cookie: cookie.split(';')[0] ?? '' };
    expect((await ask(served.port, '/', { headers })).body).toContain('<script');
    expect((await ask(served.port, '/v1/gateways', { headers })).status).toBe(200);
    expect((await ask(served.port, '/v1/gateways')).status).toBe(401);
  });

  it('lets whoever has the token in, however many wrong ones somebody shows', async () => {
    for (let i = 0; i < 30; i++) expect((await ask(served.port, '/', form('wrong'))).status).toBe(401);
    expect((await ask(served.port, '/', form(TOKEN))).status).toBe(303);
  });

  it('has no form for a token where none could work: on a socket it is there, else it says what is missing', async () => {
    await using onSocket = await startService();
    const shown = (await ask(onSocket.port, '/')).body;
    expect(shown).toContain('<script');
    expect(shown).not.toContain('<form');
    await using without = await startService({}, { noToken: true });
    const told = (await ask(without.port, '/')).body;
    expect(told).toContain('--token-file');
    expect(told).not.toMatch(/<form|<script/);
    expect((await ask(without.port, '/', form('anything-at-all-here'))).status).toBe(401);
  });

  it('may load and run its own files alone, and makes no markup of text', async () => {
    const { headers } = await ask(served.port, '/');
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    );
    expect(headers['cache-control']).toBe('no-store');
  });

  it('loads little, once: its files are compressed, and named after what is in them', async () => {
    const files = Object.values(readPageFiles() ?? {});
    expect(files).toHaveLength(3);
    expect(files.reduce((sum, { gzipped }) => sum + gzipped.length, 0)).toBeLessThan(WEIGHT);
    const html = (await ask(served.port, '/', form('wrong'))).body;
    const style = files.find(({ type }) => type.startsWith('text/css'));
    expect(html).toContain(`href="${style?.path}"`);
    const response = await open(served.port, style?.path ?? '', {
      headers: { 'accept-encoding': 'gzip, br' },
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    expect(response.headers).toMatchObject({
      'content-encoding': 'gzip',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/css; charset=utf-8',
      vary: 'Accept-Encoding',
    });
    expect(gunzipSync(Buffer.concat(chunks)).equals(style?.content ?? Buffer.alloc(0))).toBe(true);
    const plain = await ask(served.port, style?.path ?? '');
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.body).toBe(style?.content.toString());
    expect((await ask(served.port, '/page/page-another.css')).status).toBe(404);
  });

  it('nothing of it comes from elsewhere', () => {
    const text = Object.values(readPageFiles() ?? {})
      .map(({ content }) => content.toString())
      .join('\n');
    const addresses = [...text.matchAll(/\b(?:https?:)?\/\/[\w.-]+\.\w{2,}/g)].map(([address]) => address);
    // Names of what XML is, which nobody asks for.
    expect(addresses.filter((address) => !address.endsWith('//www.w3.org'))).toEqual([]);
  });

  it('a page elsewhere reaches nothing of it', async () => {
    if (!browser) return;
    const network = { Domains: ['.example.com'] };
    const opened = await ask(served.port, '/v1/gateways', {
      ...asNode,
      body: { jobId: 'of-others', network },
    });
    const folder = mkdtempSync(join(tmpdir(), 'jobgate-page-'));
    const context = await browser.newContext();
    try {
      writeFileSync(join(folder, 'evil.html'), '<title>evil</title>');
      const page = await context.newPage();
      // Logged in first: the cookie would go along if the browser and the server let it.
      await page.goto(`http://127.0.0.1:${served.port}/#/jobs`);
      await page.getByLabel('Token').fill(TOKEN);
      await page.keyboard.press('Enter');
      // What was asked for is shown.
      await page.getByRole('heading', { name: 'Jobs' }).waitFor();
      const attempt = (path: string, init: string) =>
        page.evaluate(
          `fetch('http://127.0.0.1:${served.port}${path}', ${init}).then((r) => r.status, (e) => 'refused')`,
        );
      const allow = `{ method: 'PATCH', credentials: 'include', headers: { 'content-type': 'application/json', 'if-match': '*' }, body: '{"allow": ["evil.example"]}' }`;
      const path = `/v1/gateways/${opened.body.id}`;
      // As itself it may.
      expect(await attempt(path, allow.replace('evil.example', 'good.example'))).toBe(200);
      await page.goto(`file://${folder}/evil.html`);
      expect(await attempt('/v1/gateways', "{ credentials: 'include' }")).toBe('refused');
      expect(await attempt(path, allow)).toBe('refused');
      const before = served.service.gateways.list().length;
      const post =
        "{ method: 'POST', mode: 'no-cors', credentials: 'include', headers: { 'content-type': 'text/plain' }, body: '{}' }";
      await attempt('/v1/gateways', post);
      expect(served.service.gateways.list()).toHaveLength(before);
      expect((await ask(served.port, path, asNode)).body.domains).toEqual(['.example.com', 'good.example']);
    } finally {
      await context.close();
      rmSync(folder, { recursive: true });
    }
  });
});
