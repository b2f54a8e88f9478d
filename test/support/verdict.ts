import type { TestProxy } from './proxy.js';
import { RawClient } from './raw-client.js';

/** What was decided about a connection. */
export interface Verdict {
  readonly reason: string;
  readonly host: string;
  readonly address: string | undefined;
}

/** What is said where nothing is decided. */
const NONE: Verdict = { reason: 'none', host: '', address: undefined };

/** The last decision about what a client sends and ends with; of a CONNECT for `connect`, where that is given. */
export async function verdictOf(
  proxy: TestProxy,
  port: number,
  bytes: string | Buffer,
  connect?: string,
): Promise<Verdict> {
  await using client = await RawClient.connect(port);
  const before = proxy.decisions.length;
  const first = async () => {
    // What ends a connection may be told a moment after its end.
    for (let turns = 0; proxy.decisions.length === before && turns < 500; turns++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (!client.closed) turns = Math.min(turns, 100);
    }
  };
  if (connect !== undefined) {
    client.send(`CONNECT ${connect} HTTP/1.1\r\n\r\n`);
    await first();
  }
  client.send(bytes);
  client.end();
  await client.untilEnd();
  await first();
  const last = proxy.decisions.length > before ? proxy.decisions.at(-1) : undefined;
  if (last === undefined) return NONE;
  const { reason, host, address } = last;
  return { reason, host, address };
}
