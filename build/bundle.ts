import { isBuiltin } from 'node:module';
import { type Plugin, rolldown } from 'rolldown';

/** What is started or imported by its path; all else is in chunks. */
const ENTRIES = ['src/cli', 'src/index', 'proxy/worker/worker-main', 'docker/image/healthcheck'];

/** One file that takes nothing but Node's own modules: it is run where nothing else of jobgate is. */
const ALONE = 'src/verify/inside/main';

/**
 * Of dockerode, what jobgate never uses and what is most of its weight: engines over ssh (refused before anything is
 * connected), build sessions (gRPC), and packing of build contexts. Whoever calls them through the library is told so.
 */
const LEFT_OUT = [
  /^ssh2$/,
  /^tar-fs$/,
  /^@balena\/dockerignore$/,
  /dockerode\/lib\/session(\.js)?$/,
  /dockerode\/lib\/buildkit(\.js)?$/,
];

const leftOut: Plugin = {
  name: 'left-out',
  resolveId: {
    order: 'pre',
    handler(id, importer) {
      const asked =
        id.startsWith('./') && importer?.includes('/dockerode/lib/') ? `dockerode/lib/${id.slice(2)}` : id;
      return LEFT_OUT.some((pattern) => pattern.test(asked)) ? `\0left-out:${asked}` : undefined;
    },
  },
  load: (id) =>
    id.startsWith('\0left-out:')
      ? `module.exports = () => { throw new Error(${JSON.stringify(`${id.slice(10)} is no part of jobgate`)}); };`
      : undefined,
};

/**
 * jobgate and all it depends on, in few files below `folder`.
 *
 * @returns the modules that went in, as paths.
 */
export async function bundle(folder: string): Promise<string[]> {
  const alone = await write(folder, [ALONE], true);
  return [...(await write(folder, ENTRIES, false)), ...alone];
}

async function write(folder: string, entries: readonly string[], minify: boolean): Promise<string[]> {
  const build = await rolldown({
    input: Object.fromEntries(entries.map((name) => [name, `${name}.ts`])),
    platform: 'node',
    // `engines` of package.json begin here.
    transform: { target: 'node20.19' },
    plugins: [leftOut],
    onLog(level, log, handle) {
      if (level === 'warn') throw new Error(`bundle: ${log.message}`);
      handle(level, log);
    },
  });
  const { output } = await build.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name].js',
    minify,
  });
  await build.close();
  const chunks = output.filter((file) => file.type === 'chunk');
  const foreign = chunks
    .flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])
    .filter((name) => !isBuiltin(name))
    .filter((name) => !chunks.some(({ fileName }) => fileName === name));
  if (foreign.length > 0) throw new Error(`bundle: not in it: ${foreign.join(', ')}`);
  return chunks.flatMap(({ modules }) =>
    Object.entries(modules).flatMap(([id, { renderedLength }]) => (renderedLength > 0 ? [id] : [])),
  );
}
