import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Plugin, rolldown } from 'rolldown';

const SOURCES = 'src/service/page/app';
/** In this order: what is narrow goes before all else. */
const STYLES = ['base', 'frame', 'parts', 'tables', 'job', 'charts', 'narrow'];
const { resolve } = createRequire(import.meta.url);

/** The policy's grammar asks Node one thing, after it has looked at each byte; a browser reads addresses in URLs by the same rules. */
const forBrowsers: Plugin = {
  name: 'for-browsers',
  resolveId: (id) => (id === 'node:net' ? '\0node:net' : undefined),
  load: (id) =>
    id === '\0node:net'
      ? "export const isIPv6 = (text) => URL.canParse('http://[' + text + ']/');"
      : undefined,
};

/**
 * The page of serve below `folder`: one script, one style sheet, an icon. Nothing of it is loaded from elsewhere.
 *
 * @returns the modules that went in, as paths.
 */
export async function page(folder: string): Promise<string[]> {
  const build = await rolldown({
    input: `${SOURCES}/main.tsx`,
    platform: 'browser',
    transform: { target: 'es2023' },
    plugins: [forBrowsers],
    onLog(level, log, handle) {
      if (level === 'warn') throw new Error(`page: ${log.message}`);
      handle(level, log);
    },
  });
  const { output } = await build.write({ file: join(folder, 'page.js'), format: 'esm', minify: true });
  await build.close();
  const [script, ...more] = output;
  if (more.length > 0 || script.imports.length > 0) throw new Error('page: not in its one script');
  mkdirSync(folder, { recursive: true });
  const chart = resolve('uplot/dist/uPlot.min.css');
  const styles = [chart, ...STYLES.map((name) => `${SOURCES}/style/${name}.css`)];
  writeFileSync(join(folder, 'page.css'), styles.map((path) => readFileSync(path, 'utf8')).join('\n'));
  writeFileSync(join(folder, 'icon.svg'), readFileSync(`${SOURCES}/icon.svg`));
  return [chart, ...Object.keys(script.modules)];
}
