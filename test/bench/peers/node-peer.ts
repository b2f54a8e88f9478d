import { Child } from '../child.js';
import type { NodePeerApi, NodePeerKind } from '../measured/node-peer.js';
import type { StartPeer } from './peer.js';

/** A proxy made with a package of npm, or the bare relay. */
export function nodePeer(kind: NodePeerKind): StartPeer {
  return async ({ core }) => {
    const child = new Child<NodePeerApi>(new URL('../measured/node-peer.ts', import.meta.url), { core });
    try {
      const proxy = await child.call('start', kind);
      return {
        name: kind,
        via: { host: '127.0.0.1', proxy },
        pid: child.pid,
        [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
      };
    } catch (error) {
      await child[Symbol.asyncDispose]();
      return `${kind}: ${String(error).split('\n')[0]}`;
    }
  };
}
