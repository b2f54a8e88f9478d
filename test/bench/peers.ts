import type { Contender } from './contender.js';
import { nodePeer } from './peers/node-peer.js';
import type { PeerOptions, StartPeer } from './peers/peer.js';
import { squid } from './peers/squid.js';
import { tinyproxy } from './peers/tinyproxy.js';

/** The other proxies that are installed here, each with its log on and its cache off. */
export async function startPeers(options: PeerOptions): Promise<Contender[]> {
  const started: Contender[] = [];
  for (const start of [
    squid,
    tinyproxy,
    nodePeer('proxy-chain'),
    nodePeer('http-proxy'),
  ] satisfies StartPeer[]) {
    const peer = await start(options);
    if (typeof peer === 'string') options.say(`left out: ${peer}`);
    else started.push(peer);
  }
  return started;
}
