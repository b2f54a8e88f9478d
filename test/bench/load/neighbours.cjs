// Runs in the containers of jobs, by Node's `-e`: CommonJS, of nothing but Node's own modules.
//
//   measure SECONDS          the figures of a job that is well behaved, as JSON
//   <attack> SECONDS         what a neighbour of it does for so long
'use strict';
const net = require('node:net');

const [what, seconds] = process.argv.slice(-2);
const proxy = new URL(process.env.http_proxy);
const until = Date.now() + Number(seconds) * 1000;
const over = () => Date.now() >= until;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function open() {
  const socket = net.connect({ host: proxy.hostname, port: Number(proxy.port) });
  socket.on('error', () => {});
  return socket;
}
const closed = (socket) => new Promise((resolve) => socket.once('close', resolve));
const drained = (socket) =>
  new Promise((resolve) => {
    socket.once('drain', resolve);
    socket.once('close', resolve);
  });

/** So many at a time, each again and again. */
const crowd = (count, one) =>
  Promise.all(
    Array.from({ length: count }, async (_, i) => {
      while (!over()) await one(i);
    }),
  );

/** A connection on which the same is written as long as it is taken. */
async function pour(first, more) {
  const socket = open();
  socket.resume();
  socket.write(first);
  while (!over() && !socket.destroyed) if (!socket.write(more)) await drained(socket);
  socket.destroy();
  await pause(1);
}

/** A message, what it is answered, and the end. */
async function once(message, { read = true, lingerMs = 0 } = {}) {
  const socket = open();
  socket.write(message);
  if (read)
    await new Promise((resolve) => {
      socket.once('data', resolve);
      socket.once('close', resolve);
    });
  if (lingerMs > 0) await pause(lingerMs);
  socket.destroy();
  await closed(socket);
}

const get = (host, path = '/') => `GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
const connect = (host) => `CONNECT ${host}:80 HTTP/1.1\r\n\r\n`;

const attacks = {
  nothing: () => pause(Number(seconds) * 1000),
  'allowed requests, pipelined': () => crowd(32, () => pour('', get('flood.test').repeat(200))),
  'refused requests, pipelined': () => crowd(32, () => pour('', get('refused.test').repeat(200))),
  'refused tunnels': () => crowd(64, () => once(connect('refused.test'))),
  'connections opened and closed': () => crowd(64, () => once('', { read: false, lingerMs: 1 })),
  'uploads to a refusal': () =>
    crowd(32, () =>
      pour(
        'POST http://refused.test/ HTTP/1.1\r\nHost: refused.test\r\nContent-Length: 9999999999\r\n\r\n',
        Buffer.alloc(65536),
      ),
    ),
  'heads byte by byte': () =>
    crowd(256, async () => {
      const socket = open();
      socket.setNoDelay(true);
      socket.resume();
      while (!over() && !socket.destroyed) {
        socket.write('G');
        await pause(1);
      }
      socket.destroy();
    }),
  'heads that are nearly right': () =>
    crowd(16, () => once(`CONNECT flood.test:80 HTTP/1.1\r\n${'a: b\r\n'.repeat(300)}a_b\xe4: c\r\n\r\n`)),
  'tunnels closed unread': () =>
    crowd(64, () =>
      once(`${connect('flood.test')}${'GET /bytes/100000000 HTTP/1.1\r\nHost: flood.test\r\n\r\n'}`, {
        lingerMs: 5,
      }),
    ),
  'all connections there are': async () => {
    const sockets = [];
    while (!over()) {
      if (sockets.length < 12_000) for (let i = 0; i < 50; i++) sockets.push(open());
      await pause(20);
    }
    for (const socket of sockets) socket.destroy();
  },
  'look-ups without an answer': () => crowd(64, (i) => once(get(`n${i}.silent.test`), { lingerMs: 1 })),
  'names with thousands of addresses': () => crowd(16, () => once(get('crowded.test'))),
  'downloads that nobody reads': async () => {
    const sockets = Array.from({ length: 1_000 }, () => {
      const socket = open().pause();
      socket.write(get('flood.test', '/bytes/100000000'));
      return socket;
    });
    while (!over()) await pause(50);
    for (const socket of sockets) socket.destroy();
  },
};

/** Small requests one after the other, and a download beside them. */
async function measure() {
  const times = [];
  let bytes = 0;
  let failed = 0;
  const download = crowd(1, async () => {
    const socket = open();
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    socket.write(get('example.com', '/bytes/1000000000'));
    await Promise.race([closed(socket), pause(until - Date.now())]);
    socket.destroy();
  });
  const requests = crowd(1, async () => {
    const from = performance.now();
    const socket = open();
    socket.write(get('example.com', '/status/200'));
    const answer = await new Promise((resolve) => {
      socket.once('data', (data) => resolve(String(data)));
      socket.once('close', () => resolve(''));
      setTimeout(() => resolve(''), Math.max(1, until - Date.now())).unref();
    });
    if (answer.startsWith('HTTP/1.1 200')) times.push(performance.now() - from);
    else if (!over()) failed++;
    socket.destroy();
    await pause(10);
  });
  await Promise.all([download, requests]);
  console.log(JSON.stringify({ times, bytes, failed }));
}

(what === 'measure' ? measure : attacks[what])().then(() => process.exit(0));
