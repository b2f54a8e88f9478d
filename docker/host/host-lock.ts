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
  while (!held && performance.now() < deadline) {
    for (let place = 0; !held && place < places; place++)
      held = await bind(place > 0 ? `${name}-${place}` : name);
    if (!held) await sleep(5 + Math.random() * 20);
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
