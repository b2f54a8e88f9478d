import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APT_MS } from '../../support/apt.js';
import { startBrowser } from '../../support/browser.js';
import { Cleanup } from '../../support/cleanup.js';
import { ask } from '../../support/serve.js';
import { startService, type TestService } from '../../support/service.js';

const TOKEN = 'a-token-of-some-length';
const MARKUP = '<img/src=x/onerror=document.title=`owned`>';

describe('the live page', () => {
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
  async function openGateway(jobId: string): Promise<{ id: string; port: number }> {
    const body = { jobId, executionId: `${jobId}-e1`, network: { Domains: ['.example.com', '192.0.2.1'] } };
    const answer = await ask(served.port, '/v1/gateways', { ...asNode, body });
    expect(answer.status).toBe(201);
    return { id: answer.body.id, port: served.gateways.proxies.get(answer.body.id)?.port ?? 0 };
  }

  /** Sends a request to a proxy, and waits for its answer. */
  function send(port: number, target: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1', () =>
        socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
      );
      socket.setEncoding('utf8').on('data', (text: string) => {
        answer += text;
      });
      socket.once('close', () => resolve(answer));
      socket.once('error', reject);
    });
  }

  /** A page that is logged in. Fails the test on any error that the browser sees. */
  async function openPage(run: (page: Page) => Promise<void>, viewport = { width: 1100, height: 800 }) {
    if (!browser) return;
    const context = await browser.newContext({ viewport, baseURL: `http://127.0.0.1:${served.port}` });
    try {
      const page = await context.newPage();
      const errors: string[] = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(message.text());
      });
      await page.goto(`http://127.0.0.1:${served.port}/`);
      await page.getByLabel('Token').fill(TOKEN);
      await page.keyboard.press('Enter');
      await page.getByText('live,').waitFor();
      await run(page);
      if (process.env.JOBGATE_TEST_SCREENSHOTS) {
        const name = `${expect.getState().currentTestName?.replace(/\W+/g, '-')}.png`;
        await page.screenshot({ path: join(process.env.JOBGATE_TEST_SCREENSHOTS, name), fullPage: true });
      }
      expect(errors).toEqual([]);
    } finally {
      await context.close();
    }
  }

  it('asks for the token, and exchanges it for a cookie', async () => {
    const login = await ask(served.port, '/');
    expect(login).toMatchObject({ status: 200, body: expect.stringContaining('type="password"') });
    expect(login.headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    const form = (token: string) => ({
      method: 'POST',
      body: `token=${token}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    const wrong = await ask(served.port, '/session', form('wrong'));
    expect(wrong).toMatchObject({ status: 401, body: expect.stringContaining('the token is wrong') });
    expect(wrong.headers['set-cookie']).toBeUndefined();
    const right = await ask(served.port, '/session', form(TOKEN));
    expect(right).toMatchObject({ status: 303, headers: { location: '/' } });
    const cookie = right.headers['set-cookie']?.[0] ?? '';
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
    expect(
      (await ask(served.port, '/v1/gateways', { headers: { cookie: cookie.split(';')[0] ?? '' } })).status,
    ).toBe(200);
    expect((await ask(served.port, '/v1/gateways')).status).toBe(401);
  });

  it('lets whoever has the token in, however many wrong ones somebody shows', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const login = (token: string) =>
      ask(served.port, '/session', { method: 'POST', body: `token=${token}`, headers });
    for (let i = 0; i < 30; i++) expect((await login('wrong')).status).toBe(401);
    expect((await login(TOKEN)).status).toBe(303);
  });

  it('shows what a job reaches, what was refused and why, as it happens', async () => {
    const gateway = await openGateway('fetch-weather');
    await send(gateway.port, 'http://before.example.net/');
    await openPage(async (page) => {
      const article = page.locator('article', { hasText: 'fetch-weather' });
      await expect
        .poll(() => article.locator('tr', { hasText: 'before.example.net:80' }).textContent())
        .toMatch(/01domain-not-allowed: add before\.example\.net to Network\.Domains/);
      expect(await article.locator('dl').textContent()).toContain('.example.com, 192.0.2.1');

      await send(gateway.port, 'http://now.example.org/');
      await send(gateway.port, 'http://now.example.org/');
      await article.locator('tr', { hasText: 'now.example.org:80' }).waitFor();
      await expect
        .poll(() =>
          article.locator('tr', { hasText: 'now.example.org:80' }).locator('[data-is=denied]').textContent(),
        )
        .toBe('2');
      await expect.poll(() => article.locator('polyline.up').getAttribute('points')).toMatch(/\d,\d/);
      await expect.poll(() => article.locator('[data-is=limit]').textContent()).toBe('8.0 Mbit/s');

      // A gateway that opens and closes while one looks.
      const late = await openGateway('late-job');
      await page.locator('article', { hasText: 'late-job' }).waitFor();
      await ask(served.port, `/v1/gateways/${late.id}`, { ...asNode, method: 'DELETE' });
      await expect.poll(() => page.locator('article', { hasText: 'late-job' }).count()).toBe(0);
    });
  });

  it('sets every value as text', async () => {
    const { id } = await openGateway('markup');
    // A proxy shows no such host; that the page does not rely on it, is the point.
    const { gateway } = served.service.gateways.get(id);
    const figures = gateway.figures();
    const hosts = [{ host: MARKUP, port: 443, allowed: 0, denied: { 'domain-not-allowed': 1 } }];
    gateway.figures = () => ({ ...figures, hosts });
    await openPage(async (page) => {
      const article = page.locator('article', { hasText: 'markup' });
      const rows = article.locator('tbody tr');
      await expect.poll(() => rows.first().textContent()).toContain(MARKUP);
      served.service.hub.publish({
        ...{
          v: 1,
          type: 'decision',
          time: Date.now(),
          job: 'markup',
          gateway: id,
          connection: 1,
          method: 'CONNECT',
        },
        ...{
          host: `${MARKUP}2`,
          port: 443,
          decision: 'deny',
          reason: 'domain-not-allowed',
          how: 'proxy',
          client: '',
          ms: 0,
        },
      });
      await expect.poll(() => rows.last().textContent()).toContain(`${MARKUP}2`);
      expect(await page.locator('img').count()).toBe(0);
      // As the server renders it, too.
      const rendered = await page.request.get('/');
      expect(await rendered.text()).toContain('&lt;img/src=x');
      expect(await rendered.text()).not.toContain('<img');
      expect(await page.title()).toBe('jobgate');
    });
  });

  it('is searched, by keyboard alone', async () => {
    await Promise.all([openGateway('alpha-job'), openGateway('beta-job')]);
    await openPage(async (page) => {
      await page.locator('article', { hasText: 'alpha-job' }).waitFor();
      await page.keyboard.press('/');
      await page.keyboard.type('beta');
      expect(await page.locator('article', { hasText: 'alpha-job' }).isVisible()).toBe(false);
      expect(await page.locator('article', { hasText: 'beta-job' }).isVisible()).toBe(true);
      await page.keyboard.type('-nothing-like-it');
      await page.getByText('Nothing has that.').waitFor();
    });
  });

  it('fits a phone', async () => {
    const gateway = await openGateway('phone');
    await send(gateway.port, 'http://a-rather-long-name-of-a-host-that-is-refused.example.org/');
    await openPage(
      async (page) => {
        await page.locator('article', { hasText: 'phone' }).waitFor();
        const width = await page.evaluate('document.documentElement.scrollWidth');
        expect(width).toBeLessThanOrEqual(375);
      },
      { width: 375, height: 700 },
    );
  });

  it('a page elsewhere reaches nothing of it', async () => {
    if (!browser) return;
    const folder = mkdtempSync(join(tmpdir(), 'jobgate-page-'));
    const context = await browser.newContext();
    try {
      writeFileSync(join(folder, 'evil.html'), '<title>evil</title>');
      const page = await context.newPage();
      // Logged in first: the cookie would go along if the browser and the server let it.
      await page.goto(`http://127.0.0.1:${served.port}/`);
      await page.getByLabel('Token').fill(TOKEN);
      await page.keyboard.press('Enter');
      await page.getByText('live,').waitFor();
      await page.goto(`file://${folder}/evil.html`);
      const attempt = (path: string, init: string) =>
        page.evaluate(
          `fetch('http://127.0.0.1:${served.port}${path}', ${init}).then((r) => r.status, (e) => 'refused')`,
        );
      expect(await attempt('/v1/gateways', "{ credentials: 'include' }")).toBe('refused');
      const before = served.service.gateways.list().length;
      const post =
        "{ method: 'POST', mode: 'no-cors', credentials: 'include', headers: { 'content-type': 'text/plain' }, body: '{}' }";
      await attempt('/v1/gateways', post);
      expect(served.service.gateways.list()).toHaveLength(before);
    } finally {
      await context.close();
      rmSync(folder, { recursive: true });
    }
  });
});
