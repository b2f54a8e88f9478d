import * as containers from './containers.js';
import { create } from './create/create.js';
import { events } from './events.js';
import type { Handler } from './exchange.js';
import { inspectImage, pruneNothing, pull, removeImage } from './images.js';
import * as networks from './networks.js';
import type { Way } from './requests.js';
import { usage } from './usage.js';
import * as volumes from './volumes.js';

const pass: Handler = ({ request, response, path }, { passOn }) => passOn.send({ request, response, path });

/** Who answers what. A connection of its own is made elsewhere, since it is no answer. */
export const HANDLERS: Readonly<Record<Exclude<Way, 'hijack'>, Handler>> = {
  pass,
  upload: containers.archive,
  download: containers.archive,
  create,
  events,
  usage,
  list: containers.list,
  start: containers.start,
  top: containers.top,
  rename: containers.rename,
  update: containers.update,
  remove: containers.remove,
  'prune-containers': containers.prune,
  'exec-create': containers.execCreate,
  'network-list': networks.listNetworks,
  'network-inspect': networks.inspectNetwork,
  'network-create': networks.createNetwork,
  'network-connect': networks.connectNetwork,
  'network-disconnect': networks.disconnectNetwork,
  'network-remove': networks.removeNetwork,
  'prune-networks': networks.pruneNetworks,
  'volume-list': volumes.listVolumes,
  'volume-create': volumes.createVolume,
  'volume-remove': pass,
  'prune-volumes': volumes.pruneVolumes,
  'image-inspect': inspectImage,
  pull,
  'image-remove': removeImage,
  'prune-nothing': pruneNothing,
};
