import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APT_MS } from '../../../support/apt.js';
import { startBrowser } from '../../../support/browser.js';
import { Cleanup } from '../../../support/cleanup.js';
import { projectRoot } from '../../../support/engine.js';
import { accessibilityProblems, NARROW, overflow, WIDE, withPage } from '../../../support/page-browser.js';
import { HOSTILE_NAMES, PAGE_JOBS, SHOWN_JOB } from '../../../support/page-jobs.js';
import { PAGE_TOKEN, type PageNode, startPageNode } from '../../../support/page-node.js';

const VIEWS = { overview: '#/', jobs: '#/jobs', job: `#/jobs/${SHOWN_JOB}` } as const;
type ViewName = keyof typeof VIEWS;

/** Which are in the documentation, how they are called there, and how much of them. `npm run picture` writes them. */
const PICTURES: Readonly<Record<string, { readonly file: string; readonly height: number }>> = {
  'overview wide light': { file: 'page-overview.png', height: 740 },
  'jobs wide dark': { file: 'page-jobs.png', height: 520 },
  'job wide light': { file: 'page-job.png', height: 850 },
  'overview narrow dark': { file: 'page-phone.png', height: 700 },
};

describe('the views of the page', () => {
  const suite = new Cleanup();
  let browser: Browser | undefined;
  let node: PageNode;
  beforeAll(async () => {
    browser = await startBrowser();
    suite.add(() => browser?.close());
    node = suite.use(await startPageNode());
  }, APT_MS);
  afterAll(() => suite[Symbol.asyncDispose]());

  async function opened(
    options: BrowserContextOptions,
    run: (page: Page) => Promise<void>,
    meant?: RegExp,
  ): Promise<void> {
    if (!browser) return;
    const given = { address: node.address, token: PAGE_TOKEN, now: new Date(Date.now()), options };
    await withPage(browser, { ...given, ...(meant && { meant }) }, run);
  }

  async function show(page: Page, view: ViewName): Promise<void> {
    await page.goto(`/${VIEWS[view]}`);
    const ready = { overview: 'Most refused', jobs: /^\d+ of \d+$/, job: 'Account' };
    await page.getByText(ready[view]).first().waitFor();
    if (view === 'job') await page.getByText('4,113 stations').waitFor();
  }

  it.each([
    ['wide', 'light', WIDE],
    ['wide', 'dark', WIDE],
    ['narrow', 'light', NARROW],
    ['narrow', 'dark', NARROW],
  ] as const)(
    '%s and %s: can be read by everybody, fit, and make no browser complain',
    async (size, colorScheme, viewport) => {
      await opened({ viewport, colorScheme, reducedMotion: 'reduce' }, async (page) => {
        for (const view of Object.keys(VIEWS) as ViewName[]) {
          await show(page, view);
          expect(await accessibilityProblems(page), view).toEqual([]);
          expect(await overflow(page), view).toBe(0);
          const asked = PICTURES[`${view} ${size} ${colorScheme}`];
          const clip = { x: 0, y: 0, width: viewport.width, height: asked?.height ?? viewport.height };
          const picture = await page.screenshot({ clip });
          if (asked && process.env.JOBGATE_PICTURES)
            writeFileSync(join(projectRoot, process.env.JOBGATE_PICTURES, asked.file), picture);
          expect(picture.length).toBeGreaterThan(10_000);
        }
      });
    },
  );

  it('the overview says how the node is', async () => {
    await opened({}, async (page) => {
      await show(page, 'overview');
      const text = await page.locator('main').textContent();
      expect(text).toMatch(/Gateways open31 9 ended/);
      expect(text).toMatch(/Containers enforced30 1 not/);
      expect(text).toMatch(/Lock-downintact/);
      expect(text).toMatch(/refused asked-316 7 min agothe image mallory\/miner/);
      const most = page.locator('table', { hasText: 'Domain' }).locator('tbody tr').first();
      expect(await most.textContent()).toMatch(/^errors\.example \d+4domain-not-allowed$/);
      await expect
        .poll(() => page.locator('figcaption').first().textContent())
        .toMatch(/down [\d.]+\sMbit\/s/);
    });
  });

  it('jobs are sorted by buttons, filtered, and stay so when the page is loaded again', async () => {
    await opened({}, async (page) => {
      await show(page, 'jobs');
      const names = page.locator('tbody th a');
      const head = (name: string) => page.getByRole('columnheader', { name });
      expect(await head('Started').getAttribute('aria-sort')).toBe('descending');
      await head('Refused').getByRole('button').focus();
      await page.keyboard.press('Enter');
      expect(await head('Refused').getAttribute('aria-sort')).toBe('descending');
      expect(await names.first().textContent()).toBe('fetch-weather');
      await page.keyboard.press('Enter');
      expect(await head('Refused').getAttribute('aria-sort')).toBe('ascending');

      await page.getByLabel('Show').selectOption('Ended');
      await page.getByText('10 of 40').waitFor();
      await page.keyboard.press('Escape');
      await page.locator('main').focus();
      await page.keyboard.press('/');
      await page.keyboard.type('GENOME');
      await page.getByText('1 of 40').waitFor();
      await page.reload();
      await page.getByText('1 of 40').waitFor();
      expect(await names.allTextContents()).toEqual(['genome-align']);
      expect(await head('Refused').getAttribute('aria-sort')).toBe('ascending');
      await page.getByLabel('Find').fill('nothing-like-it');
      await page.getByText('No job is like that.').waitFor();
      // A host finds the jobs that asked for it.
      await page.getByLabel('Show').selectOption('All');
      await page.getByLabel('Find').fill('stats.tracker.example');
      await page.getByText('1 of 40').waitFor();
      expect(await names.allTextContents()).toEqual(['fetch-weather']);
    });
  });

  it('are all reached by keyboard, forward and back', async () => {
    await opened({}, async (page) => {
      await show(page, 'jobs');
      await page.reload();
      await page.getByText('of 4').waitFor();
      await page.keyboard.press('Tab');
      const focused = () => page.evaluate<string>('document.activeElement.textContent');
      expect(await focused()).toBe('Skip to what is shown');
      expect(await page.locator('.skip').boundingBox()).toMatchObject({ y: 7.5 });
      await page.keyboard.press('Enter');
      await page.keyboard.press('Tab');
      expect(await page.evaluate('document.activeElement.id')).toBe('find');
      await page.keyboard.type('fetch-weather');
      await page.getByText('1 of 40').waitFor();
      await page.getByRole('link', { name: 'fetch-weather' }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'fetch-weather' }).waitFor();
      expect(await page.title()).toBe('fetch-weather – jobgate');
      await page.goBack();
      await page.getByText('1 of 40').waitFor();
      await page.goForward();
      const chart = page.getByRole('img', { name: 'Rate of the job' });
      await chart.focus();
      await page.keyboard.press('ArrowLeft');
      await expect.poll(() => page.locator('figcaption').first().textContent()).toMatch(/^\d\d:\d\d:\d\d/);
    });
  });

  it('names of strangers are text, and what would turn or hide it is shown', async () => {
    await opened({}, async (page) => {
      await show(page, 'jobs');
      const names = await page.locator('tbody th a').allTextContents();
      const shown = HOSTILE_NAMES.map((name) =>
        name
          .replace('\u202e', '\\u202e')
          .replace('\n', '\\n')
          .replace('\u0007', '\\x07')
          .replace('\u001b', '\\x1b'),
      );
      expect(names).toEqual(expect.arrayContaining(shown));
      await page.getByRole('link', { name: 'document.title' }).click();
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.locator('th', { hasText: '<img src=x' }).first().waitFor();
      expect(await overflow(page)).toBe(0);
      await show(page, 'job');
      const log = await page.getByRole('log').textContent();
      expect(log).toContain('\\x1b[32mok\\x1b[0m 4,113 stations');
      expect(log).toContain('<b>not markup</b> & no \\u202etrick');
      expect(await page.locator('main :is(img, script, b b)').count()).toBe(0);
      expect(await page.title()).not.toBe('owned');
    });
  });

  it('charts have their hour again after a reload, and figures move as time passes', async () => {
    await opened({}, async (page) => {
      await show(page, 'job');
      const caption = page.locator('figcaption').first();
      await expect.poll(() => caption.textContent()).toMatch(/down [\d.]+\sMbit\/s.*limit 10\sMbit\/s/s);
      await page.reload();
      await expect.poll(() => caption.textContent()).toMatch(/down [\d.]+\sMbit\/s/);
      await page.getByRole('img', { name: 'Rate of the job' }).focus();
      await page.keyboard.press('Home');
      // The first step of a job that began half a minute after the hour.
      await expect.poll(() => caption.textContent()).toMatch(/^13:00:40/);
      const total = page.locator('.tile', { hasText: 'Down now' });
      const before = await total.textContent();
      node.pass(20_000);
      await expect.poll(() => total.textContent()).not.toBe(before);
    });
  });

  it('what comes and ends while one looks is there', async () => {
    await opened({}, async (page) => {
      await show(page, 'jobs');
      const network = { Domains: ['.example.com'] };
      const { body } = await node.ask('/v1/gateways', { body: { jobId: 'late-job', network } });
      const row = page.locator('tr', { hasText: 'late-job' });
      await row.waitFor();
      expect(await row.textContent()).toContain('open');
      await node.ask(`/v1/gateways/${body.id}`, { method: 'DELETE' });
      await expect.poll(() => row.textContent()).toContain('closed');
      await row.getByRole('link').click();
      await page.getByText('asked to').first().waitFor();
      await page.getByText('It has reached nothing so far.').waitFor();
    });
  });

  it('a lost connection is said, and what was missed is asked for when it is back', async () => {
    await opened(
      {},
      async (page) => {
        await show(page, 'jobs');
        node.served.cut();
        await page.getByText('The connection to jobgate is lost; trying again.').waitFor();
        const network = { Domains: ['.example.com'] };
        await node.ask('/v1/gateways', { body: { jobId: 'missed-job', network } });
        await page.locator('.connection', { hasText: 'live' }).waitFor();
        await page.locator('tr', { hasText: 'missed-job' }).waitFor();
      },
      /^error: Failed to load resource: net::ERR_/,
    );
  });

  it('two thousand jobs are shown a hundred at a time', async () => {
    await opened({}, async (page) => {
      const [view] = (await node.ask('/v1/gateways?limit=1')).body.gateways;
      const gateways = Array.from({ length: 2_000 }, (_, i) => ({
        ...view,
        ...{ id: `many-${i}`, jobId: `job-${i}`, name: `job ${i}`, ofJob: false },
      }));
      await page.route('**/v1/gateways?*', (route) => route.fulfill({ json: { gateways } }));
      await page.goto(`/${VIEWS.jobs}`);
      await page.getByText(`${(2_000 + 2).toLocaleString('en')} of`).waitFor();
      expect(await page.locator('tbody tr').count()).toBe(100);
      await page.getByRole('button', { name: 'Next' }).click();
      await page.getByText('2 of 21').waitFor();
      await page.getByLabel('Find').fill('job-1999');
      await page.getByText('1 of').waitFor();
    });
  });

  it('has forty jobs, of which ten have ended', () => {
    expect(PAGE_JOBS).toHaveLength(40);
    expect(PAGE_JOBS.filter(({ until }) => until !== undefined)).toHaveLength(10);
  });
});
