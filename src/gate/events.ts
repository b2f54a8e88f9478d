import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream';
import { lineSplitter } from '../../proxy/util/line-splitter.js';
import { noAnswer } from './engine-asks.js';
import type { Gate, Handler } from './exchange.js';

/** Longest event, bytes. */
const MAX_LINE = 1 << 20;
/** What may wait for a client that reads slowly, bytes: one that is further behind is dropped. */
const MAX_BEHIND = 1 << 20;

interface EngineEvent {
  readonly Type?: string;
  readonly Actor?: { readonly ID?: string };
}

/** The engine's events, less those of what is others'. */
export const events: Handler = async ({ response, path, answer }, gate) => {
  const { asks, own, config } = gate;
  await own.ready();
  await own.lookAtVolumes();
  const asked = asks.request('GET', path);
  response.once('close', () => asked.destroy());
  const told = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve).once('error', (error) => reject(noAnswer(error)));
  });
  const type = told.headers['content-type'] ?? 'application/json';
  if (told.statusCode !== 200) {
    const chunks: Buffer[] = [];
    for await (const chunk of told as AsyncIterable<Buffer>) chunks.push(chunk);
    answer(told.statusCode ?? 502, Buffer.concat(chunks), type);
    return;
  }
  const isShown = config.gate?.readOthers ? () => true : shownOf(gate);
  response.writeHead(200, { 'content-type': type });
  response.flushHeaders();
  const lines = lineSplitter((line) => {
    if (!isShown(read(line))) return;
    response.write(`${line}\n`);
    if (response.writableLength > MAX_BEHIND) throw new Error('it reads too slowly');
  }, MAX_LINE);
  pipeline(told, lines, (error) => {
    if (error) response.destroy();
    else response.end();
  });
};

function shownOf({ own }: Pick<Gate, 'own'>): (event: EngineEvent) => boolean {
  // Also one that is removed by now: its end is told when it is gone.
  const networks = new Set<string>();
  const isOwnNetwork = (id: string) => {
    for (const { gateway } of own.gateways()) networks.add(gateway.network.id);
    return networks.has(id);
  };
  isOwnNetwork('');
  return ({ Type: type, Actor: { ID: id = '' } = {} }) => {
    switch (type) {
      case 'container':
        return own.had(id);
      case 'network':
        return isOwnNetwork(id);
      case 'volume':
        return own.volumes.has(id);
      default:
        return type === 'image' || type === 'daemon';
    }
  };
}

function read(line: string): EngineEvent {
  try {
    return JSON.parse(line) as EngineEvent;
  } catch {
    return {};
  }
}
