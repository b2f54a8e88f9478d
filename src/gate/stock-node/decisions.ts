import { decisionText } from '../../job/decision-text.js';
import type { EventHub } from '../../service/event-hub.js';
import type { Exchange } from '../exchange.js';
import type { NodeGateway } from './stock-nodes.js';

const STDOUT = 1;
/** What may wait for a node that reads slowly, bytes: then lines are left out. */
const MAX_BEHIND = 1 << 18;

/** The gateway's decisions as the logs of its container, in the engine's stream format, until it closes. */
export async function followDecisions(
  { served }: NodeGateway,
  { request, response, target }: Exchange,
  hub: EventHub,
): Promise<void> {
  const { query } = target;
  response.writeHead(200, { 'content-type': 'application/vnd.docker.raw-stream' });
  response.flushHeaders();
  const follows = ['1', 'true'].includes(query.get('follow') ?? '');
  const isWanted = ['1', 'true'].includes(query.get('stdout') ?? '');
  if (!follows || served.state !== 'open') {
    response.end();
    return;
  }
  const isTimed = ['1', 'true'].includes(query.get('timestamps') ?? '');
  const end = hub.subscribe((event) => {
    if (!('gateway' in event) || event.gateway !== served.id) return;
    if (event.type === 'gateway' && (event.change === 'closed' || event.change === 'failed')) response.end();
    if (event.type !== 'decision' || !isWanted || response.writableLength > MAX_BEHIND) return;
    const time = isTimed ? `${new Date(event.time).toISOString()} ` : '';
    response.write(frame(`${time}${decisionText(event)}\n`));
  });
  response.once('close', end);
  request.resume();
}

/** Docker Engine API, "Stream format". */
function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = STDOUT;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}
