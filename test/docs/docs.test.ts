import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { accountJsonSchema } from '../../src/account/account.js';
import { EXIT } from '../../src/exit-codes.js';
import { ACCOUNT_SCHEMA, reference, refreshed } from '../support/docs.js';
import { projectRoot } from '../support/engine.js';
import { ask } from '../support/serve.js';
import { ALL_PARTS, startService } from '../support/service.js';

const read = (path: string) => readFileSync(`${projectRoot}${path}`, 'utf8');

it('the tables of settings, refusals and errors are those of the code (npm run docs writes them)', () => {
  expect(refreshed(reference())).toBe(reference());
});

it('the schema of accounts is that of the code (npm run docs writes it)', () => {
  expect(JSON.parse(readFileSync(ACCOUNT_SCHEMA, 'utf8'))).toEqual(accountJsonSchema());
});

it('the reference has every request of the API, every metric and every exit code, and no other', async () => {
  await using served = await startService({}, { parts: ALL_PARTS });
  const { paths } = (await ask(served.port, '/openapi.json')).body;
  const requests = Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const { body: metrics } = await ask(served.port, '/metrics');
  const names = [...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  const section = (title: string) =>
    new RegExp(`^## ${title}\n.*?(?=^## )`, 'ms').exec(reference())?.[0] ?? '';
  const all = (text: string, pattern: RegExp) => [
    ...new Set([...text.matchAll(pattern)].map(([, one]) => one)),
  ];

  const rows = [...section('The API of serve').matchAll(/^\| `.*/gm)].join('\n');
  // These two the document leaves out.
  const described = all(rows, /`((?:GET|POST|PATCH|DELETE) \/[^ `]*)`/g).filter(
    (one) => one !== 'GET /' && one !== 'GET /openapi.json',
  );
  expect(described.sort()).toEqual(requests.sort());
  expect(all(section('Metrics'), /`((?:jobgate|process)_\w+)/g).sort()).toEqual(names.sort());
  const codes = all(section('Exit codes'), /^\| (\d+) \|/gm).map(Number);
  expect(codes).toEqual(Object.values(EXIT).filter((code) => code !== EXIT.ok));
});

it('every dependency has its reason', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json'));
  const contributing = read('CONTRIBUTING.md');
  for (const name of Object.keys({ ...dependencies, ...devDependencies }))
    expect(contributing, name).toContain(`\`${name}\``);
});

it('the README is short, and its example is the one that is run', () => {
  const readme = read('README.md');
  expect(readme.split('\n').length).toBeLessThanOrEqual(251);
  expect(readme).toContain(`\`\`\`ts\n${read('examples/library.ts')}\`\`\``);
});

/** Links that lead to a file of the project, without those to a place on the web. */
function links(page: string): { readonly text: string; readonly file: string; readonly anchor: string }[] {
  const folder = new URL(page, `file://${projectRoot}`);
  return [...read(page).matchAll(/\[([^\]]*)\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?(?: "[^"]*")?\)/g)].map(
    ([, text = '', path = '', anchor = '']) => ({
      text,
      file: path === '' ? page : decodeURI(new URL(path, folder).pathname).slice(projectRoot.length),
      anchor,
    }),
  );
}

const PAGES = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'examples/README.md'],
  ...readdirSync(`${projectRoot}docs`)
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

it.each(PAGES)('every link of %s leads to a file, and to a heading of it', (page) => {
  for (const { file, anchor } of links(page)) {
    const isFolder = file.endsWith('/');
    if (isFolder) readdirSync(`${projectRoot}${file}`);
    else if (anchor === '') readFileSync(`${projectRoot}${file}`);
    else expect(anchors(read(file)), `${page} → ${file}`).toContain(anchor);
  }
});

function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

it('every path that ARCHITECTURE.md names exists, and every folder of the product is on its map', () => {
  const named = [...read('ARCHITECTURE.md').matchAll(/`((?:[\w.-]+\/)+[\w.-]*)`/g)].map(
    ([, path = '']) => path,
  );
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter((path) => !existsSync(`${projectRoot}${path}`))).toEqual([]);

  const folders = ['src', 'admission', 'proxy', 'docker'].flatMap((top) =>
    readdirSync(`${projectRoot}${top}`, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${top}/${name}/`),
  );
  expect(folders.filter((folder) => !named.includes(folder))).toEqual([]);
});
