import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WORKER_UID } from '../../../proxy/worker/privileges.js';
import { WORKER_ENV, workerCommand } from '../../../proxy/worker/worker-command.js';

const PRYING = fileURLToPath(new URL('../../support/prying-worker.mjs', import.meta.url));
const hasPermissions = process.allowedNodeEnvironmentFlags.has('--permission');

interface Found {
  readonly could: Record<string, boolean>;
  readonly status: Record<string, string>;
  readonly uid: number;
  readonly cwd: string;
  readonly env: object;
}

/** What the prying program could do when it was started so. */
async function pry(command: readonly string[], socket: string): Promise<Found> {
  const [program = '', ...args] = command;
  const child = spawn(program, [...args, socket], {
    cwd: '/',
    env: WORKER_ENV,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = (await text(child.stdout))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const could = lines.filter(({ what }) => what).map(({ what, could }) => [what, could]);
  return { could: Object.fromEntries(could), ...lines.find(({ uid }) => uid !== undefined) };
}

describe.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)('a worker of root', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobgate-prying-'));
  const socket = join(folder, 'engine.sock');
  const server = createServer((connection) => connection.end());
  beforeAll(async () => {
    chmodSync(folder, 0o755);
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    chmodSync(socket, 0o660);
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
    for (const name of readdirSync('/tmp').filter((one) => one.startsWith('jobgate-prying-')))
      rmSync(join('/tmp', name), { recursive: true });
  });

  it('opens nothing of root, not its sockets and not its parent; what root itself can do shows that it was there', async () => {
    const worker = await pry(workerCommand(PRYING), socket);
    expect(worker).toMatchObject({ uid: WORKER_UID, cwd: '/', env: WORKER_ENV });
    expect(worker.could).toEqual({
      'open /etc/shadow': false,
      'list /root': false,
      'write below /tmp': false,
      'read the memory of its parent': false,
      "read its parent's environment": false,
      'end its parent': false,
      'be root': false,
      'run a program that is for everybody': !hasPermissions,
      [`connect to ${socket}`]: false,
    });
    // The same program, started plainly, with what makes it nobody taken away.
    const root = await pry([process.execPath, PRYING, 'as-root'], socket);
    expect(root.uid).toBe(0);
    expect(Object.values(root.could)).not.toContain(false);
    expect(existsSync(socket)).toBe(true);
  });
});
