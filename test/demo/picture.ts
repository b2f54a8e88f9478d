/**
 * Makes docs/page.png: the live page of a real `jobgate serve` with two jobs under way. Needs an engine (as the tests
 * do) and Chromium; `npm run picture`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBrowser } from '../support/browser.js';
import { Cleanup } from '../support/cleanup.js';
import { startCli } from '../support/cli.js';
import { buildJobImage, ensureEngine, JOB_IMAGE, projectRoot } from '../support/engine.js';
import { startInternet } from '../support/internet.js';
import { ask } from '../support/serve.js';

const PORT = 13129;
const TOKEN = 'a-token-of-some-length';
/** Long enough for a curve, ms. */
const LOOK_MS = 20_000;

ensureEngine();
buildJobImage();
await using cleanup = new Cleanup();
const net = cleanup.use(
  await startInternet({ hosts: { 'data.example.com': {}, 'api.example.com': {}, 'inside.example.com': {} } }),
);
net.dnsServer.set('inside.example.com', ['10.11.12.13']);

const folder = mkdtempSync(join(tmpdir(), 'jobgate-picture-'));
cleanup.add(() => rmSync(folder, { recursive: true }));
const tokenFile = join(folder, 'token');
writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
const listen = ['--listen', `127.0.0.1:${PORT}`, '--token-file', tokenFile, '--dns', net.dns];
const serve = startCli(['serve', ...listen, '--log-level', 'warn']);
cleanup.add(async () => {
  serve.child.kill('SIGTERM');
  await serve.done;
});
await serve.printed('listening');

const headers = { authorization: `Bearer ${TOKEN}` };
async function start(ID: string, Domains: string[], script: string): Promise<void> {
  const Params = { Image: JOB_IMAGE, Parameters: ['bash', '-c', script] };
  const task = { Name: 'main', Engine: { Type: 'docker', Params }, Network: { Type: 'HTTP', Domains } };
  const job = { ID, Name: ID, Type: 'batch', Count: 1, Tasks: [task] };
  const answer = await ask(PORT, '/v1/jobs', { headers, body: job });
  if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
}
await start(
  'fetch-weather',
  ['.example.com'],
  `while :; do
    curl -s -m 3 -o /dev/null http://data.example.com/bytes/2000000
    for host in api.example.com inside.example.com tracker.example.net; do curl -s -o /dev/null http://$host/; done
    sleep 1
  done`,
);
await start(
  'train-7b',
  ['data.example.com'],
  `while :; do
    curl -s -o /dev/null http://data.example.com/bytes/4000000
    curl -s -o /dev/null https://telemetry.example.org/
    sleep 2
  done`,
);

const browser = await startBrowser();
if (!browser) throw new Error('no Chromium');
cleanup.add(() => browser.close());
const page = await browser.newPage({ viewport: { width: 900, height: 700 } });
await page.goto(`http://127.0.0.1:${PORT}/`);
await page.getByLabel('Token').fill(TOKEN);
await page.keyboard.press('Enter');
await page.getByText('live,').waitFor();
await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
await page.screenshot({ path: join(projectRoot, 'docs/page.png'), fullPage: true });
