import type { Handler } from './exchange.js';
import type { Volume } from './own.js';

interface Part {
  readonly Items?: readonly { readonly Id?: string }[] | null;
}

interface Usage {
  readonly LayersSize?: number;
  readonly Images?: unknown;
  readonly ImageUsage?: unknown;
  readonly ContainerUsage?: Part;
  readonly VolumeUsage?: Part;
  readonly Containers?: readonly { readonly Id: string }[] | null;
  readonly Volumes?: readonly Volume[] | null;
}

/** `docker system df`: of images, and of what is the client's own. */
export const usage: Handler = async ({ path, json }, { asks, own, config }) => {
  await own.ready();
  const all = await asks.read<Usage>('GET', path);
  if (config.gate?.readOthers) return json(200, all);
  // What is not known would be of everybody: engines of today say all of it once more, in other words.
  const { LayersSize, Images, ImageUsage } = all;
  json(200, {
    ...{ LayersSize, Images, ImageUsage },
    ...ownUsage('ContainerUsage', all.ContainerUsage, ({ Id }) => own.has(Id)),
    ...ownUsage('VolumeUsage', all.VolumeUsage, (volume) => own.isVolume(volume as never)),
    Containers: (all.Containers ?? []).filter(({ Id }) => own.has(Id)),
    Volumes: (all.Volumes ?? []).filter((volume) => own.isVolume(volume)),
    BuildCache: [],
  });
};

/** Its sums are of everybody, so that they are left out. */
function ownUsage(name: string, part: Part | undefined, isOwn: (item: { readonly Id?: string }) => boolean) {
  if (!part) return {};
  const Items = (part.Items ?? []).filter(isOwn);
  return { [name]: { TotalCount: Items.length, ...(part.Items && { Items }) } };
}
