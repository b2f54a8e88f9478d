import type { Handler } from './exchange.js';
import type { Volume } from './own.js';

interface Usage {
  readonly Containers?: readonly { readonly Id: string }[] | null;
  readonly Volumes?: readonly Volume[] | null;
}

/** `docker system df`: of images, and of what is the client's own. */
export const usage: Handler = async ({ path, json }, { asks, own, config }) => {
  await own.ready();
  const all = await asks.read<Usage>('GET', path);
  if (config.gate?.readOthers) return json(200, all);
  json(200, {
    ...all,
    Containers: (all.Containers ?? []).filter(({ Id }) => own.has(Id)),
    Volumes: (all.Volumes ?? []).filter((volume) => own.isVolume(volume)),
    BuildCache: [],
  });
};
