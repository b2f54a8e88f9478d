import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APT_MS } from '../../../support/apt.js';
import { startBrowser } from '../../../support/browser.js';
import { Cleanup } from '../../../support/cleanup.js';
import { startOrigin } from '../../../support/origin.js';
import { withPage } from '../../../support/page-browser.js';
import { ask } from '../../../support/serve.js';
import { startService, type TestService } from '../../../support/service.js';

const TOKEN = 'a-token-of-some-length';
const HOST = 'origin.tracker.example';

describe('what was refused is allowed from the page', () => {
  const suite = new Cleanup();
  let browser: Browser | undefined;
  let served: TestService;
  let port: number;
  beforeAll(async () => {
    browser = await startBrowser();
    suite.add(() => browser?.close());
    const origin = suite.use(await startOrigin((_request, response) => response.end('it is the origin')));
    port = origin.port;
    const flags = { addHost: [`${HOST}:127.0.0.1`], allowAddress: [`127.0.0.1:${port}`] };
    served = suite.use(await startService(flags, { token: TOKEN }));
  }, APT_MS);
  afterAll(() => suite[Symbol.asyncDispose]());

  const asNode = { headers: { authorization: `Bearer ${TOKEN}` } };
  /** A gateway whose job was refused the origin. */
  async function refused(jobId: string) {
    const network = { Domains: ['.example.com'] };
    const { body } = await ask(served.port, '/v1/gateways', { ...asNode, body: { jobId, network } });
    const id: string = body.id;
    expect(await request(id)).toContain('domain-not-allowed');
    return id;
  }

  /** What a job is answered that asks its proxy for the origin. */
  function request(id: string): Promise<string> {
    const socket = connect(served.gateways.proxies.get(id)?.port ?? 0, '127.0.0.1');
    socket.write(
      `GET http://${HOST}:${port}/ HTTP/1.1\r\nHost: ${HOST}:${port}\r\nConnection: close\r\n\r\n`,
    );
    return text(socket);
  }

  const domains = async (id: string): Promise<string[]> =>
    (await ask(served.port, `/v1/gateways/${id}`, asNode)).body.domains;

  async function opened(id: string, run: (page: Page) => Promise<void>, meant?: RegExp): Promise<void> {
    if (!browser) return;
    const address = `http://127.0.0.1:${served.port}`;
    await withPage(browser, { address, token: TOKEN, ...(meant && { meant }) }, async (page) => {
      await page.goto(`/#/gateways/${id}`);
      await page.getByText(`${HOST}:${port}`, { exact: true }).waitFor();
      await run(page);
    });
  }

  it('by one click, and reached from then on; who did it is told', async () => {
    const id = await refused('job-1');
    await opened(id, async (page) => {
      await page.getByRole('button', { name: `Allow ${HOST}:${port}` }).click();
      await page.getByText(`job-1 may reach ${HOST}:${port} from now on.`).waitFor();
      expect(await domains(id)).toEqual(['.example.com', `${HOST}:${port}`]);
      expect(await request(id)).toMatch(/^HTTP\/1\.1 200 OK.*it is the origin/s);
      await page.getByText(`allows ${HOST}:${port}`).waitFor();
      await page.getByText('by api 127.0.0.1').waitFor();
      await page.getByRole('region', { name: 'Allowed' }).getByText(`${HOST}:${port}`).waitFor();
      await page.getByRole('region', { name: 'Refused', exact: true }).getByText('allowed now').waitFor();
    });
  });

  it('not where the policy was changed since it was shown: the page says so, and shows it', async () => {
    const id = await refused('job-2');
    const change = async (page: Page) => {
      await page.route('**/v1/gateways/*', async (route) => {
        if (route.request().method() === 'PATCH') {
          const headers = { ...asNode.headers, 'if-match': '*' };
          const body = { deny: [HOST] };
          await ask(served.port, `/v1/gateways/${id}`, { method: 'PATCH', headers, body });
        }
        return route.fallback();
      });
      await page.getByRole('button', { name: `Allow ${HOST}:${port}` }).click();
      await page.getByText('the policy was changed meanwhile').waitFor();
      await page.getByText('Refused all the same').waitFor();
      expect(await domains(id)).toEqual(['.example.com']);
      expect(await request(id)).toContain('operator-denied');
    };
    await opened(id, change, /status of 412/);
  });

  it('a name is copied', async () => {
    const id = await refused('job-3');
    await opened(id, async (page) => {
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await page.getByRole('button', { name: `Copy ${HOST}`, exact: true }).click();
      await page.getByText('Copied').waitFor();
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(HOST);
    });
  });

  it('what was seen, while more is refused under the pointer; afterwards it is there', async () => {
    const id = await refused('job-5');
    await opened(id, async (page) => {
      const table = page.getByRole('region', { name: 'Refused', exact: true });
      const first = table.locator('tbody').first();
      await table.getByRole('button', { name: `Allow ${HOST}:${port}` }).hover();
      const proxy = served.gateways.proxies.get(id)?.port ?? 0;
      for (let i = 0; i < 3; i++) await ask(proxy, 'http://origin.tracker-example.test/');
      await table.getByText('2 domains').waitFor();
      expect(await first.textContent()).toContain(`${HOST}:${port}`);
      expect(await table.locator('tbody').count()).toBe(1);
      await page.mouse.move(1, 1);
      await expect.poll(() => first.textContent()).toContain('origin.tracker-example.test');
    });
  });

  it('not of a gateway that is closed', async () => {
    const id = await refused('job-4');
    await ask(served.port, `/v1/gateways/${id}`, { ...asNode, method: 'DELETE' });
    await opened(id, async (page) => {
      expect(await page.getByRole('button', { name: /^Allow/ }).count()).toBe(0);
      expect(await page.getByRole('button', { name: /^Copy/ }).count()).toBeGreaterThan(0);
    });
  });
});
