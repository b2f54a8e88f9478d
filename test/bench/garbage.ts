import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'undici';

/** Where Node's inspector listens, unless it is told otherwise. */
const INSPECTOR = 'http://127.0.0.1:9229/json';

/** Has another Node process collect its garbage, so that what is left is what it holds. The inspector stays open. */
export async function collectGarbage(pid: number): Promise<void> {
  process.kill(pid, 'SIGUSR1');
  let targets: { webSocketDebuggerUrl: string }[] | undefined;
  for (let i = 0; i < 50 && !targets; i++) {
    await sleep(100);
    targets = await fetch(INSPECTOR).then(
      (answer) => answer.json() as Promise<typeof targets>,
      () => undefined,
    );
  }
  const url = targets?.[0]?.webSocketDebuggerUrl;
  if (!url) throw new Error(`the inspector of ${pid} does not listen`);
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.onerror = reject;
    socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }));
    socket.onmessage = resolve;
  });
  socket.close();
  await sleep(500);
}
