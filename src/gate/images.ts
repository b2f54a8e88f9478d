import type { Handler } from './exchange.js';
import { refuse } from './refusal.js';
import { GATEWAY_IMAGE } from './stock-node/execution.js';
import { imageShape } from './stock-node/shapes.js';

/** Of the image that a stock node's gateways run nothing is needed: it is answered for. */
export const inspectImage: Handler = async ({ request, response, names, path, json }, { asks, passOn }) => {
  if (names.image !== GATEWAY_IMAGE) return passOn.send({ request, response, path });
  json(200, imageShape(await asks.read('GET', '/version')));
};

/** Pulls, or asks a registry. What would import is not passed on. */
export const pull: Handler = async ({ request, response, target, path }, { config, passOn }) => {
  if (!config.gate?.pull)
    throw refuse('images are not pulled through the gate: its operator pulls them, or sets Gate.PullImages');
  const isCreate = target.method === 'POST';
  if (isCreate && (target.query.get('fromSrc') || !target.query.get('fromImage'))) {
    throw refuse('images are not imported through the gate: pull one, or import it with the engine itself');
  }
  await passOn.send({ request, response, path });
};

export const removeImage: Handler = async ({ request, response, path }, { config, passOn }) => {
  if (!config.gate?.removeImages) {
    throw refuse(
      'images are for all users of the engine: its operator removes them, or sets Gate.RemoveImages',
    );
  }
  await passOn.send({ request, response, path });
};

/** A client prunes several kinds in a row, and takes a refusal for the end of it. */
export const pruneNothing: Handler = async ({ json }) => {
  json(200, { ImagesDeleted: null, CachesDeleted: null, SpaceReclaimed: 0 });
};
