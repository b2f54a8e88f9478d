import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Opened {
  readonly address: string;
  readonly token: string;
  /** What its clock shows; absent: the time of day. */
  readonly now?: Date;
  readonly options?: BrowserContextOptions;
  /** Of the browser's complaints, that the test is about. */
  readonly meant?: RegExp;
}

/** Opens the page as somebody who has the token. Fails on whatever the browser's console or its policy complains about. */
export async function withPage(
  browser: Browser,
  { address, token, now, options, meant }: Opened,
  run: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({
    ...{ baseURL: address, locale: 'en-GB', timezoneId: 'UTC', viewport: WIDE },
    ...options,
  });
  try {
    const page = await context.newPage();
    if (now) await page.clock.setFixedTime(now);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    await page.addInitScript(
      "addEventListener('securitypolicyviolation', (event) => console.error('policy: ' + event.violatedDirective))",
    );
    await page.goto('/');
    await page.getByLabel('Token').fill(token);
    await page.keyboard.press('Enter');
    await page.locator('.connection', { hasText: 'live' }).waitFor();
    await run(page);
    expect(complaints.filter((text) => !meant?.test(text))).toEqual([]);
  } finally {
    await context.close();
  }
}

export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 390, height: 844 };

/** What a checker of accessibility finds in the page as it is, a line for each. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate<string[]>(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.flatMap(({ id, help, nodes }) => nodes.map(({ html, failureSummary }) => id + ': ' + help + ': ' + html.slice(0, 200) + ' ' + failureSummary)))`);
}

/** How much wider the page is than what it is shown in, CSS pixels. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}
