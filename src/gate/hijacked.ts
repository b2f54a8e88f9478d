import { parseBody, readBody } from './body.js';
import type { Exchange, Gate } from './exchange.js';
import { flag, judged, kept, ours } from './fields.js';
import { answerPlainly, type ClientEnd, join, readUpgradeBody, takeSocket } from './hijack.js';
import { GateRefusal } from './refusal.js';

const MAX_BODY = 65_536;
const EXEC_START = {
  Detach: flag,
  Tty: flag,
  ConsoleSize: kept,
  hijack: ours,
  stdin: ours,
  abortSignal: ours,
};

/** Attaches to a container, or to a command in it that starts with that: the connection becomes its input and output. */
export async function answerHijack(exchange: Exchange, gate: Gate, upgrading?: ClientEnd): Promise<void> {
  const { request, response, names, path } = exchange;
  let client = upgrading;
  let text: string;
  if (client) {
    const read = await readUpgradeBody(request, client, MAX_BODY);
    if (!read)
      throw new GateRefusal(400, 'jobgate: a request for an upgrade has a body of a known length, or none');
    text = read.body;
    client = { ...client, head: read.head };
  } else text = await readBody(request);
  // Attaching takes no body; some clients repeat the query in it.
  const body = names.exec === undefined ? undefined : judged(EXEC_START, text === '' ? {} : parseBody(text));
  const asked = await gate.asks.upgrade(path, body);
  if (asked.kind === 'answer') {
    const { status, body: said, type } = asked.answer;
    if (client) answerPlainly(client.socket, asked.answer);
    else exchange.answer(status, said, type);
    return;
  }
  // The client may have gone meanwhile, and nobody would ever close the engine's end.
  if ((client?.socket ?? response.socket)?.destroyed !== false) {
    asked.socket.destroy();
    return;
  }
  client ??= takeSocket(response);
  join(client, asked);
}
