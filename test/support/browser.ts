import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { apt } from './apt.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/**
 * A headless Chromium: what is installed, else Debian's package, installed by apt. Where neither can be had it says so
 * on stderr and gives undefined, and throws if CI is set.
 */
export async function startBrowser(): Promise<Browser | undefined> {
  const executablePath = installed() ?? (await fetched());
  if (executablePath === undefined) {
    const problem = 'no Chromium is installed and apt-get cannot fetch it: the tests of the page are skipped';
    if (process.env.CI) throw new Error(problem);
    console.error(`!!! ${problem}`);
    return undefined;
  }
  // Root has no sandbox; what it loads is our own page, and nothing leaves the machine.
  const args = ['--no-sandbox', '--disable-background-networking', '--proxy-server=direct://'];
  return chromium.launch({ executablePath, args });
}

function installed(): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin'];
  const files = directories.flatMap((directory) => NAMES.map((name) => join(directory, name)));
  return files.find((file) => existsSync(file));
}

async function fetched(): Promise<string | undefined> {
  await apt(['install', 'chromium', 'fonts-dejavu-core']).catch(() => {});
  return installed();
}
