import { GATE_LABEL, PREFIX } from '../../docker/gateway/labels.js';
import { parseBody, readBody } from './body.js';
import { volumeName } from './create/mounts.js';
import type { Handler } from './exchange.js';
import { judged, never, oneOf, text, textMap } from './fields.js';
import { readFilters } from './filters.js';
import type { Volume } from './own.js';
import { notFound, refuse } from './refusal.js';

export const listVolumes: Handler = async ({ path, json }, { asks, own, config }) => {
  const listed = await asks.read<{ Volumes: Volume[] | null }>('GET', path);
  const Volumes = (listed.Volumes ?? []).filter((one) => config.gate?.readOthers || own.isVolume(one));
  json(200, { ...listed, Volumes });
};

const VOLUME = {
  Name: text,
  Labels: textMap,
  Driver: oneOf(['local'], 'volumes are local'),
  DriverOpts: never('a volume has no options here: they would mount what they name'),
  ClusterVolumeSpec: never('the gate has no swarm'),
};

export const createVolume: Handler = async ({ request, path, answer }, { asks, own }) => {
  const given = judged(VOLUME, parseBody(await readBody(request))) as {
    Name?: string;
    Labels?: Record<string, string>;
  };
  const reserved = Object.keys(given.Labels ?? {}).find((label) => label.startsWith(PREFIX));
  if (reserved !== undefined) throw refuse(`Labels: ${reserved} is jobgate's own: choose another`);
  const body = {
    ...(given.Name && { Name: volumeName(given.Name, 'Name') }),
    Driver: 'local',
    Labels: { ...given.Labels, [GATE_LABEL]: own.id },
  };
  const made = await asks.ask('POST', path, { body });
  // The engine gives what is there already: it may be somebody else's.
  if (made.status === 201 && !own.isVolume(JSON.parse(made.body.toString('utf8')))) {
    throw notFound('volume', given.Name ?? '');
  }
  answer(made.status, made.body, made.type);
};

export const pruneVolumes: Handler = async ({ target, json }, { asks, own }) => {
  const { label = [], all = [] } = readFilters(target.query, ['label', 'all']);
  const filters = JSON.stringify({ dangling: ['true'], ...(label.length > 0 && { label }) });
  const query = new URLSearchParams({ filters });
  const { Volumes } = await asks.read<{ Volumes: Volume[] | null }>(
    'GET',
    `${target.version}/volumes?${query}`,
  );
  const VolumesDeleted: string[] = [];
  // Newer clients say when they mean those with a name as well, which all of the gate's have.
  const isMeant =
    target.version === '' ||
    Number(target.version.split('.')[1]) < 42 ||
    all.some((one) => /^(1|true)$/i.test(one));
  for (const volume of isMeant ? (Volumes ?? []) : []) {
    if (!own.isVolume(volume)) continue;
    const { status } = await asks.ask('DELETE', `${target.version}/volumes/${volume.Name}`);
    if (status === 204) VolumesDeleted.push(volume.Name);
  }
  json(200, { VolumesDeleted, SpaceReclaimed: 0 });
};
