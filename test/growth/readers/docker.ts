import { PassThrough, Writable } from 'node:stream';
import { startContainer } from '../../../docker/engine/container.js';
import { demux } from '../../../docker/engine/demux.js';
import { engineMessage } from '../../../docker/engine/errors.js';
import { registryOf } from '../../../docker/engine/registry-auth.js';
import { knownHoles } from '../../../docker/gateway/known-holes.js';
import { fromLabels, toLabels } from '../../../docker/gateway/labels.js';
import { ownerOfContainerName } from '../../../docker/gateway/owner.js';
import { readNetwork } from '../../../docker/gateway/sweep.js';
import { interfaceNames, routes } from '../../../docker/host/host-net.js';
import { installedPort, parseSave, removal } from '../../../docker/host/lockdown-rules.js';
import { lineSplitter } from '../../../proxy/util/line-splitter.js';
import { JobLog } from '../../../src/service/job-log.js';
import type { Reader } from '../growth.js';

const LABELS = toLabels({
  owner: { id: '0123456789abcdef0123', boot: '01234567-89ab-cdef-0123-456789abcdef', netns: '4026531840' },
  ...{ kind: 'serve', job: 'job-1', execution: 'e-1', allow: ['example.com', '.b.com'] },
  ...{ rate: 10_000_000, port: 13128, created: new Date(0) },
});
const BRIDGE = { 'com.docker.network.bridge.name': 'jg-0123456789ab' };
const NETWORK = {
  ...{ Name: 'jobgate-0123456789ab', Id: 'a', Driver: 'bridge', Internal: true, Options: BRIDGE },
  ...{ IPAM: { Config: [{ Subnet: '10.213.0.0/29', Gateway: '10.213.0.1' }] }, Labels: LABELS },
};
/** A text in the place of each label in turn. */
const eachLabel = (text: string) =>
  Object.keys(LABELS).map((key) => fromLabels(key.endsWith('version') ? LABELS : { ...LABELS, [key]: text }));
/** Whatever a job's image or a program wrote, each a text: that they are that is the engine's word. */
function labels(text: string): Record<string, string> {
  try {
    return Object.fromEntries(Object.entries(JSON.parse(text)).map(([key, value]) => [key, String(value)]));
  } catch {
    return { text };
  }
}

const MESSAGES = [
  'failed to create task: OCI runtime create failed: exec: "sh -c a": permission denied: unknown',
  'exec: "a": executable file not found in $PATH',
  'cannot run exec exec exec permission denie',
  '(HTTP code 400) bad parameter - invalid reference - a',
];

/** An engine that says no to the start of a container, with a message. */
const refusing = (message: string) => ({
  createContainer: async () => ({
    id: 'a',
    attach: async () => new PassThrough(),
    wait: async () => ({ StatusCode: 0 }),
    start: () => Promise.reject(Object.assign(new Error(message), { statusCode: 400, json: { message } })),
    remove: async () => {},
  }),
});

async function write(stream: Writable, text: string, size: number): Promise<void> {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += size) {
    await new Promise((resolve) => stream.write(bytes.subarray(at, at + size), resolve));
  }
}
const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });

const frame = (stream: number, text: string) =>
  `${String.fromCharCode(stream, 0, 0, 0, 0, 0, 0, text.length)}${text}`;
const SAVED =
  '*filter\n:INPUT ACCEPT [0:0]\n:JOBGATE-INPUT - [0:0]\n-A INPUT -i jg-+ -j JOBGATE-INPUT\n' +
  '-A JOBGATE-INPUT -p tcp -m tcp --dport 13128 -j ACCEPT\nCOMMIT\n';

export const DOCKER: readonly Reader[] = [
  { name: 'labels of a network', read: eachLabel, seeds: Object.values(LABELS) },
  {
    name: 'a network',
    read: (text) => readNetwork({ ...NETWORK, Labels: labels(text), Name: text } as never),
    seeds: [JSON.stringify(LABELS)],
  },
  {
    name: 'a name of a container',
    read: ownerOfContainerName,
    seeds: ['/jobgate-0123456789abcdef0123-01234567'],
  },
  { name: 'the name of an image', read: registryOf, seeds: ['registry.test:5000/a/b:c@sha256:0123'] },
  { name: 'the version of an engine', read: knownHoles, seeds: ['28.0.1', '20.10.5+dfsg1'] },
  { name: "an engine's message", read: (text) => engineMessage(new Error(text)), seeds: MESSAGES },
  {
    name: 'an engine that refuses to start a container',
    read: (text) =>
      startContainer(refusing(text) as never, { Image: 'a' }, {
        stdout: nowhere(),
        stderr: nowhere(),
      } as never),
    seeds: MESSAGES,
    longest: 16_384,
  },
  {
    name: 'the output of a job',
    read: (text) => write(demux(nowhere(), nowhere()), text, 65_536),
    seeds: [frame(1, 'hello\n') + frame(2, 'oops'), frame(1, '')],
  },
  {
    name: 'the output of a job byte by byte',
    read: (text) => write(demux(nowhere(), nowhere()), text, 1),
    seeds: [frame(1, 'hello\n') + frame(2, 'oops'), frame(1, '')],
    longest: 16_384,
    count: 10,
  },
  {
    name: "a gateway's lines",
    read: (text) =>
      write(
        lineSplitter(() => {}),
        text,
        1,
      ),
    seeds: ['{"is":"event"}\n{"is":"closed"}\n'],
    longest: 16_384,
    count: 10,
  },
  {
    name: "the firewall's rules",
    read: (text) => {
      const tables = parseSave(text);
      installedPort(tables);
      removal('filter', tables);
    },
    seeds: [SAVED],
  },
  {
    name: 'the routes of a host',
    read: routes,
    seeds: ['Iface\tDest\njg-a\t0000D50A\t0\t1\t0\t0\t0\tF8FFFFFF\n'],
  },
  {
    name: 'the interfaces of a host',
    read: interfaceNames,
    seeds: ['Inter-|\n face |\n  eth0: 1 2\n jg-a: 3\n'],
  },
  {
    name: 'the log of a job byte by byte',
    read: async (text) => {
      const log = new JobLog();
      const sink = log.sink('stdout');
      await write(sink, text, 1);
      log.text();
    },
    seeds: ['a b\n'],
    longest: 32_768,
    count: 4,
  },
];
