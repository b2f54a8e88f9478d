// A job, busy and hostile, as long as its container lives. /chaos/plan.json says what there is to load and to try, /chaos/pause
// has it load nothing; what it saw goes to /chaos/log, a line of JSON each.
const { appendFileSync, existsSync, readFileSync } = require('node:fs');
const dgram = require('node:dgram');
const net = require('node:net');
const tls = require('node:tls');

const TRY_MS = 1_500;
/** No byte for so long, and a load is given up. */
const SILENT_MS = 10_000;
const proxy = new URL(process.env.http_proxy);
const now = () => Number(process.hrtime.bigint() / 1_000_000n);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let lines = [];
const tell = (line) => lines.push(JSON.stringify({ t: now(), ...line }));
const flush = () => {
  const text = lines.map((line) => `${line}\n`).join('');
  lines = [];
  if (text) appendFileSync('/chaos/log', text);
};
const plan = () => JSON.parse(readFileSync('/chaos/plan.json', 'utf8'));

/** Sockets to the gateway: all that passes on these is the job's traffic. */
const open = new Set();
const over = { down: 0, up: 0 };
/** What may have passed beside: what was left unread, and bodies that were refused, or cut. */
const maybe = { down: 0, up: 0 };
/** What Node has written may still wait: bodies count once the origin has said that it has them. */
const bodies = new Map();
function gateway(host, port) {
  const socket = net.connect({ host, port });
  open.add(socket);
  socket.once('close', () => {
    open.delete(socket);
    over.down += socket.bytesRead;
    over.up += socket.bytesWritten - (bodies.get(socket) ?? 0);
    maybe.up += bodies.get(socket) ?? 0;
    bodies.delete(socket);
  });
  socket.on('error', () => {});
  return socket;
}
function tellBytes() {
  let { down, up } = over;
  let pending = 0;
  for (const socket of open) {
    const body = bodies.get(socket) ?? 0;
    down += socket.bytesRead;
    up += socket.bytesWritten - body;
    pending += body;
  }
  tell({ k: 'bytes', down, up, maybe, pending });
}

/** Sends a request, reads to the end. Gives the status, 0 where there is none. */
function ask(socket, head, { body = 0, silentMs = SILENT_MS } = {}) {
  return new Promise((resolve) => {
    let text = '';
    socket.setTimeout(silentMs, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (data) => {
      if (text.length < 2_000) text += data.toString('latin1');
      if (bodies.has(socket) && text.startsWith('HTTP/1.1 200')) bodies.delete(socket);
    });
    socket.once('close', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0)));
    socket.write(`${head}\r\nConnection: close\r\n${body ? `Content-Length: ${body}\r\n` : ''}\r\n`);
    if (body) {
      bodies.set(socket, body);
      socket.write(Buffer.alloc(body, 'u'));
    }
  });
}

const throughProxy = (method, host, path, more) =>
  ask(gateway(proxy.hostname, proxy.port), `${method} http://${host}${path} HTTP/1.1\r\nHost: ${host}`, more);
const byName = (host, path) => ask(gateway(host, 80), `GET ${path} HTTP/1.1\r\nHost: ${host}`);

/** What CONNECT is answered, with the socket. */
function connect(host, port, timeoutMs) {
  const socket = gateway(proxy.hostname, proxy.port);
  return new Promise((resolve) => {
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.once('close', () => resolve({ status: 0, socket }));
    socket.once('data', (data) => {
      resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(data.toString('latin1'))?.[1] ?? 0), socket });
    });
    socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
  });
}
async function tunnel(host, path) {
  const { status, socket } = await connect(host, 443, SILENT_MS);
  if (status !== 200) return void socket.destroy();
  const inside = tls.connect({ socket, servername: host, rejectUnauthorized: false });
  await ask(inside, `GET ${path} HTTP/1.1\r\nHost: ${host}`);
  socket.destroy();
}

const LOADS = [
  ({ own, bytes }) => throughProxy('GET', own, `/bytes/${bytes}`),
  ({ own, bytes }) => byName(own, `/bytes/${bytes}`),
  ({ own, bytes }) => tunnel(own, `/bytes/${bytes}`),
  ({ own, bytes }) => throughProxy('POST', own, '/upload', { body: bytes }),
  ({ shared, bytes }) => throughProxy('GET', shared, `/bytes/${bytes >> 2}`),
  // Closed unread.
  async ({ own, bytes }) => {
    const socket = gateway(proxy.hostname, proxy.port);
    socket.write(`GET http://${own}/bytes/${bytes} HTTP/1.1\r\nHost: ${own}\r\n\r\n`);
    socket.once('data', () => socket.destroy());
    await sleep(300);
    maybe.down += bytes;
    socket.destroy();
  },
];
async function load(first) {
  for (let i = first; ; i++) {
    if (existsSync('/chaos/pause')) await sleep(100);
    else {
      const began = now();
      await LOADS[i % LOADS.length](plan());
      if (now() - began < 50) await sleep(200);
    }
  }
}

async function beat() {
  for (;;) {
    const status = await throughProxy('GET', plan().own, '/', { silentMs: 3_000 });
    tell({ k: 'beat', status });
    await sleep(400);
  }
}
async function extra() {
  for (;;) {
    const status = await throughProxy('GET', plan().extra, '/', { silentMs: 3_000 });
    tell({ k: 'extra', status });
    await sleep(700);
  }
}

function tcp({ host, port }) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const end = (reached) => {
      socket.destroy();
      resolve(reached);
    };
    socket.setTimeout(TRY_MS, () => end(false));
    // What can show how it came there: a socket that is not connected has no peer.
    socket.once('connect', () => {
      const neighbours = readFileSync('/proc/net/arp', 'utf8').replaceAll(/\s+/g, ' ');
      end(`from ${socket.localAddress}, peer ${socket.remoteAddress ?? 'none'}, neighbours: ${neighbours}`);
    });
    socket.once('error', () => end(false));
  });
}
function udp({ host, port }) {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4');
    const end = (reached) => {
      clearTimeout(timer);
      socket.close();
      resolve(reached);
    };
    const timer = setTimeout(end, TRY_MS, false);
    socket.once('message', () => end(true));
    socket.once('error', () => end(false));
    socket.send('hello', port, host, () => {});
  });
}
const ok = (status) => status >= 200 && status < 400;
const TRIES = {
  tcp,
  udp,
  connect: async ({ host, port }) => {
    const { status, socket } = await connect(host, port, TRY_MS);
    socket.destroy();
    return ok(status);
  },
  get: async ({ host, port }) => ok(await throughProxy('GET', `${host}:${port}`, '/', { silentMs: TRY_MS })),
  name: async ({ host, port }) =>
    ok(await ask(gateway(proxy.hostname, 80), `GET / HTTP/1.1\r\nHost: ${host}:${port}`)),
  // An answer is the gateway's word that there is no such name; the name server sees whether it was passed on.
  lookup: ({ host }) =>
    new Promise((resolve) => require('node:dns').lookup(host, (error) => resolve(!error))),
};
/** All that must not be reached, several at a time, over and over. */
async function tryAll() {
  for (;;) {
    const { targets } = plan();
    for (let i = 0; i < targets.length; i += 4) {
      await Promise.all(
        targets.slice(i, i + 4).map(async (target) => {
          const reached = await TRIES[target.by](target).catch(() => false);
          if (reached)
            tell({ k: 'reached', ...target, ...(typeof reached === 'string' && { how: reached }) });
        }),
      );
      tell({ k: 'tried', n: Math.min(4, targets.length - i) });
      await sleep(150);
    }
  }
}

net
  .createServer((socket) => {
    tell({ k: 'visited', from: socket.remoteAddress });
    socket.destroy();
  })
  .listen(8080);
tell({ k: 'start' });
setInterval(tellBytes, 250);
setInterval(flush, 100);
process.on('SIGTERM', () => process.exit(0));
for (const work of [() => load(0), () => load(2), beat, extra, tryAll]) {
  const again = () => work().catch(() => sleep(500).then(again));
  again();
}
