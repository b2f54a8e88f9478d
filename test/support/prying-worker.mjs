// In the place of a worker, started as one: says on stdout, a line of JSON each, what it could do.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { cwd, env, exit, getuid, kill, ppid, setuid, stdout } from 'node:process';

const sockets = process.argv.slice(2).filter((word) => word !== 'as-root');
// The real one leaves root behind as it is loaded.
if (!process.argv.includes('as-root')) await import('../../dist/proxy/worker/worker-main.js');

const tries = {
  'open /etc/shadow': () => closeSync(openSync('/etc/shadow', 'r')),
  'list /root': () => readdirSync('/root'),
  'write below /tmp': () => {
    const file = openSync(`/tmp/jobgate-prying-${process.pid}`, 'w');
    writeSync(file, 'x');
    closeSync(file);
  },
  'read the memory of its parent': () => closeSync(openSync(`/proc/${ppid}/mem`, 'r')),
  "read its parent's environment": () => readFileSync(`/proc/${ppid}/environ`),
  'end its parent': () => kill(ppid, 0),
  'be root': () => setuid(0),
  'run a program that is for everybody': () => {
    const { status, error } = spawnSync('/bin/true');
    if (status !== 0) throw error ?? new Error(`status ${status}`);
  },
};

for (const [what, attempt] of Object.entries(tries)) {
  try {
    attempt();
    say({ what, could: true });
  } catch (error) {
    say({ what, could: false, code: error.code ?? error.message });
  }
}
for (const path of sockets) {
  await new Promise((resolve) => {
    connect(path)
      .once('connect', () => resolve(say({ what: `connect to ${path}`, could: true })))
      .once('error', ({ code }) => resolve(say({ what: `connect to ${path}`, could: false, code })));
  });
}
say({ uid: getuid(), cwd: cwd(), env });
exit(0);

function say(line) {
  stdout.write(`${JSON.stringify(line)}\n`);
}
