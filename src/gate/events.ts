import type { IncomingMessage } from 'node:http';
import { pipeline, Transform } from 'node:stream';
import type { Exchange, Gate, Handler } from './exchange.js';
import { GateRefusal } from './refusal.js';

/** Longest line that is looked at, bytes; a longer one is left out. */
const MAX_LINE = 1 << 20;

/** The engine's events, less those of what is others'. */
export const events: Handler = async ({ request, response, path }: Exchange, { asks, own, config }: Gate) => {
  await own.ready();
  const asked = asks.request('GET', path);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve).once('error', reject);
    response.once('close', () => asked.destroy());
  });
  const names = new Set<string>();
  const isShown = config.gate?.readOthers
    ? () => true
    : ({ Type: type, Actor: actor }: EngineEvent): boolean => {
        if (type === 'container') return own.had(actor?.ID);
        if (type === 'network') return isOwnNetwork(actor?.ID);
        if (type === 'volume') return names.has(actor?.ID ?? '');
        return type === 'image' || type === 'daemon';
      };
  // Also what is removed by now: a network is told of when it is gone.
  const networks = new Set<string>();
  const isOwnNetwork = (id = '') => {
    for (const { gateway } of own.gateways()) networks.add(gateway.network.id);
    return networks.has(id);
  };
  isOwnNetwork();
  for (const volume of await ownVolumes({ asks, own })) names.add(volume);
  response.writeHead(answer.statusCode ?? 502, {
    'content-type': answer.headers['content-type'] ?? 'application/json',
  });
  response.flushHeaders();
  const passed =
    answer.statusCode === 200
      ? filtered(isShown)
      : new Transform({ transform: (chunk, _, done) => done(null, chunk) });
  pipeline(answer, passed, response, () => asked.destroy());
  void request;
};

interface EngineEvent {
  readonly Type?: string;
  readonly Actor?: { readonly ID?: string };
}

async function ownVolumes({ asks, own }: Pick<Gate, 'asks' | 'own'>): Promise<string[]> {
  const { Volumes } = await asks.read<{
    Volumes: { Name: string; Labels: Record<string, string> | null }[] | null;
  }>('GET', '/volumes');
  return (Volumes ?? []).flatMap((volume) => (own.isVolume(volume) ? [volume.Name] : []));
}

/** Lets lines through that hold an event that may be shown. */
export function filtered(isShown: (event: EngineEvent) => boolean): Transform {
  let rest = '';
  let skipping = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      let text = '';
      for (const line of lines) {
        if (!skipping && keeps(line, isShown)) text += `${line}\n`;
        skipping = false;
      }
      if (rest.length > MAX_LINE) {
        rest = '';
        skipping = true;
      }
      done(null, text);
    },
  });
}

function keeps(line: string, isShown: (event: EngineEvent) => boolean): boolean {
  try {
    return isShown(JSON.parse(line) as EngineEvent);
  } catch (error) {
    if (error instanceof GateRefusal) throw error;
    return false;
  }
}
