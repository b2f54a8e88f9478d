import { GateRefusal } from './refusal.js';
import type { Target } from './target.js';

/** How a request is answered. `pass`: by the engine, for what is the client's own. */
export type Way =
  | 'pass'
  | 'upload'
  | 'download'
  | 'hijack'
  | 'start'
  | 'create'
  | 'list'
  | 'events'
  | 'usage'
  | 'top'
  | 'rename'
  | 'update'
  | 'remove'
  | 'prune-containers'
  | 'exec-create'
  | 'network-list'
  | 'network-inspect'
  | 'network-create'
  | 'network-connect'
  | 'network-disconnect'
  | 'network-remove'
  | 'prune-networks'
  | 'volume-list'
  | 'volume-create'
  | 'volume-remove'
  | 'prune-volumes'
  | 'image-inspect'
  | 'pull'
  | 'image-remove'
  | 'prune-nothing';

/** A request that the gate knows. */
export interface Known {
  readonly methods: readonly string[];
  /** `{container}`, `{exec}`, `{network}` and `{volume}` are the client's own; `{image}` may have slashes. */
  readonly path: string;
  readonly way: Way;
  /** Of the query; nothing else is passed on. */
  readonly query: readonly string[];
  readonly why: string;
  /** Only looks, so that it may concern what is others' where the operator says so. */
  readonly looks?: boolean;
}

function row(request: string, way: Way, query: string, why: string): Known {
  const [methods = '', path = ''] = request.split(' ');
  const looks =
    (['pass', 'top', 'download'].includes(way) && methods.startsWith('GET')) || way === 'network-inspect';
  return { methods: methods.split('|'), path, way, query: query.split(' ').filter(Boolean), why, looks };
}

/** All that a client may ask; everything else is refused. */
export const REQUESTS: readonly Known[] = [
  row('GET|HEAD /_ping', 'pass', '', 'clients look whether an engine answers, and which API version it has'),
  row('GET /version', 'pass', '', 'the same, for people'),
  row('GET /info', 'pass', '', 'what the engine is; says how many containers there are, and not which'),
  row('GET /events', 'events', 'since until filters', 'of what is theirs, and of images'),
  row('GET /system/df', 'usage', 'type verbose', 'of what is theirs, and of images'),

  row('POST /containers/create', 'create', 'name platform', 'judged, put on a network of its own'),
  row('GET /containers/json', 'list', 'all size filters', 'what is theirs'),
  row('GET /containers/{container}/json', 'pass', 'size', 'inspect'),
  row('POST /containers/{container}/start', 'start', 'detachKeys', 'once its gateway is open'),
  row('POST /containers/{container}/restart', 'start', 't signal', 'likewise'),
  row('POST /containers/{container}/stop', 'pass', 't signal', 'its own lives'),
  row('POST /containers/{container}/kill', 'pass', 'signal', 'its own lives'),
  row('POST /containers/{container}/pause', 'pass', '', 'its own lives'),
  row('POST /containers/{container}/unpause', 'pass', '', 'its own lives'),
  row('POST /containers/{container}/wait', 'pass', 'condition', 'a stream until it ends'),
  row(
    'GET /containers/{container}/logs',
    'pass',
    'follow stdout stderr since until timestamps tail details',
    'a stream',
  ),
  row(
    'POST /containers/{container}/attach',
    'hijack',
    'detachKeys logs stream stdin stdout stderr',
    'a connection of its own',
  ),
  row('POST /containers/{container}/resize', 'pass', 'h w', 'of its terminal'),
  row('GET /containers/{container}/top', 'top', 'ps_args', 'its processes'),
  row('GET /containers/{container}/stats', 'pass', 'stream one-shot', 'a stream'),
  row('GET /containers/{container}/changes', 'pass', '', 'its files'),
  row('GET|HEAD /containers/{container}/archive', 'download', 'path', 'copying out'),
  row(
    'PUT /containers/{container}/archive',
    'upload',
    'path noOverwriteDirNonDir copyUIDGID',
    'copying in, a stream',
  ),
  row('POST /containers/{container}/rename', 'rename', 'name', 'to any name that is not one of ours'),
  row('POST /containers/{container}/update', 'update', '', 'limits may become lower'),
  row('DELETE /containers/{container}', 'remove', 'v force link', 'and its gateway with it'),
  row('POST /containers/prune', 'prune-containers', 'filters', 'what of theirs has ended'),

  row('POST /containers/{container}/exec', 'exec-create', '', 'without privileges'),
  row('POST /exec/{exec}/start', 'hijack', '', 'a connection of its own, or none where it is detached'),
  row('POST /exec/{exec}/resize', 'pass', 'h w', 'of its terminal'),
  row('GET /exec/{exec}/json', 'pass', '', 'its exit code'),

  row('GET /networks', 'network-list', 'filters', "what is theirs, and the engine's three"),
  row('GET /networks/{network}', 'network-inspect', 'verbose scope', 'who of theirs is on it'),
  row(
    'POST /networks/create',
    'network-create',
    '',
    'an isolated one, with a gateway that its containers share',
  ),
  row('POST /networks/{network}/connect', 'network-connect', '', 'only theirs to theirs'),
  row('POST /networks/{network}/disconnect', 'network-disconnect', '', 'only theirs from theirs'),
  row('DELETE /networks/{network}', 'network-remove', '', 'and its gateway with it'),
  row('POST /networks/prune', 'prune-networks', 'filters', 'what of theirs has no container'),

  row('GET /volumes', 'volume-list', 'filters', 'what is theirs'),
  row('POST /volumes/create', 'volume-create', '', 'local ones, without options'),
  row('GET /volumes/{volume}', 'pass', '', 'inspect'),
  row('DELETE /volumes/{volume}', 'volume-remove', 'force', 'their own'),
  row('POST /volumes/prune', 'prune-volumes', 'filters', 'what of theirs has no container'),

  row('GET /images/json', 'pass', 'all filters digests shared-size manifests', 'images are for everybody'),
  row(
    'GET /images/{image}/json',
    'image-inspect',
    'platform manifests',
    "inspect; that of a stock node's gateways is here",
  ),
  row('GET /images/{image}/history', 'pass', 'platform', 'how it was made'),
  row('GET /distribution/{image}/json', 'pull', '', 'asks the registry, as a pull does'),
  row(
    'POST /images/create',
    'pull',
    'fromImage tag platform',
    'pulls, where Gate.PullImages lets them; never imports',
  ),
  row('DELETE /images/{image}', 'image-remove', 'force noprune', 'where Gate.RemoveImages lets them'),
  row('POST /images/prune', 'prune-nothing', '', "removes none: no image is anybody's own"),
  row('POST /build/prune', 'prune-nothing', '', 'removes none: nothing is built here'),
];

/** What people try, by the beginning of the path, and what to do instead. */
const ADVICE: Readonly<Record<string, string>> = {
  build: 'images are not built through the gate: build with the engine itself, or pull',
  session: 'images are not built through the gate: build with the engine itself, or pull',
  grpc: 'images are not built through the gate: build with the engine itself, or pull',
  commit: 'images are not made of containers through the gate: copy files out (docker cp)',
  images: 'images are listed, inspected and pulled through the gate, and nothing else: use the engine itself',
  auth: 'log in where you pull from: a client keeps its own credentials (docker login without DOCKER_HOST)',
  plugins: "plugins are the operator's: use the engine itself",
  swarm: 'the gate has no swarm: start containers, or use compose',
  services: 'the gate has no swarm: start containers, or use compose',
  tasks: 'the gate has no swarm: start containers, or use compose',
  nodes: 'the gate has no swarm: start containers, or use compose',
  secrets: 'the gate has no swarm: give a container a file (docker cp) or a variable',
  configs: 'the gate has no swarm: give a container a file (docker cp) or a variable',
  containers: 'see docs/gate.md for what the gate does with containers',
};

/** What of a path was a name. */
export type Names = Readonly<Partial<Record<'container' | 'exec' | 'network' | 'volume' | 'image', string>>>;

/** @throws GateRefusal for a request that is none of those that the gate knows. */
export function findRequest({ method, segments }: Target): { readonly known: Known; readonly names: Names } {
  for (const known of REQUESTS) {
    if (!known.methods.includes(method)) continue;
    const names = match(known.path.slice(1).split('/'), segments);
    if (names) return { known, names };
  }
  throw unknown(method, segments);
}

function match(template: readonly string[], segments: readonly string[]): Names | undefined {
  const wide = template.indexOf('{image}');
  const extra = segments.length - template.length;
  if (extra !== 0 && (wide < 0 || extra < 0)) return undefined;
  const names: Record<string, string> = {};
  let at = 0;
  for (const [index, part] of template.entries()) {
    const length = index === wide ? 1 + extra : 1;
    const text = segments.slice(at, at + length).join('/');
    at += length;
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name !== undefined) names[name] = text;
    else if (part !== text) return undefined;
  }
  return names;
}

function unknown(method: string, segments: readonly string[]): GateRefusal {
  const [first = ''] = segments;
  const advice = Object.hasOwn(ADVICE, first) ? ADVICE[first] : 'docs/gate.md lists what it does';
  const message = `jobgate: the gate does not do ${method} /${segments.join('/').slice(0, 100)}: ${advice}`;
  // Who only looks, in one place after the other, takes anything but "not there" for the end of it.
  return new GateRefusal(method === 'GET' || method === 'HEAD' ? 404 : 403, message);
}
