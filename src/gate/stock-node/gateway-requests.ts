import type { Exchange, Gate } from '../exchange.js';
import { GateRefusal } from '../refusal.js';
import type { Known } from '../requests.js';
import { followDecisions } from './decisions.js';
import { containerShape } from './shapes.js';
import type { NodeGateway } from './stock-nodes.js';

/** Answers for a gateway container that is none. @throws GateRefusal for what it cannot do. */
export async function answerForGateway(
  known: Known,
  of: NodeGateway,
  exchange: Exchange,
  gate: Gate,
): Promise<void> {
  const { answer, json } = exchange;
  const { nodes } = gate;
  const what = `${exchange.target.method} ${known.path.split('/').at(-1)}`;
  switch (what) {
    case 'GET json':
      return json(200, containerShape(of, nodes.isRunning(of)));
    case 'POST start':
    case 'POST restart':
      nodes.setRunning(of, true);
      return answer(204, '');
    // It ends when it is deleted: the job would be cut off from what it may reach.
    case 'POST stop':
    case 'POST kill':
      return answer(204, '');
    case 'GET logs':
      return followDecisions(of, exchange, gate.service.hub);
    case 'DELETE {container}':
      nodes.left(of);
      await gate.close(of.served, 'its node removed it');
      return answer(204, '');
    default:
      throw new GateRefusal(
        409,
        `jobgate: this container is a gateway of jobgate's, and no container: there is no ${what} of it`,
      );
  }
}
