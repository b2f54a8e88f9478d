import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A lock between processes of one network namespace: an abstract socket can be bound by one process only, and the
 * kernel lets go of it however that process ends. What it guards must stay right without it, because whoever
 * may bind sockets here can hold it: after `patienceMs` the work is done all the same.
 *
 * @param places so many processes hold it at the same time; default one
 */
export async function withHostLock<T>(
  name: string,
  work: () => T | Promise<T>,
  { patienceMs = 5_000, places = 1 }: { patienceMs?: number; places?: number } = {},
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  let held: Server | undefined;
  // Dozens of processes may wait for minutes: who has waited longer looks less often, four times a second at least.
  for (let pause = 10; !held && performance.now() < deadline; pause = Math.min(pause * 1.3, 200)) {
    for (let place = 0; !held && place < places; place++)
      held = await bind(place > 0 ? `${name}-${place}` : name);
    if (!held) await sleep(pause * (0.5 + Math.random()));
  }
  try {
    return await work();
  } finally {
    held?.close();
  }
}

function bind(name: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ path: `\0jobgate-lock-${name}` }, () => resolve(server));
  });
}
