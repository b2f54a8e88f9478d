import { shown } from '../../admission/problem.js';
import { isOlder } from '../../docker/engine/versions.js';
import { GateRefusal } from './refusal.js';

/** What a request asks for, read once: what is judged and what the engine gets are both made of this. */
export interface Target {
  readonly method: string;
  /** `/v1.41`, or empty. */
  readonly version: string;
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

/** Bytes of a path, and of a whole target: a client may put all that it creates into the query as well. */
const MAX_PATH = 2_048;
const MAX_TARGET = 1 << 20;
/** Names, ids, references of images. No percent sign: nothing here needs one, and readers differ on what it means. */
const SEGMENT = /^[A-Za-z0-9_.:@+~-]{1,512}$/;
const VERSION = /^v(\d{1,2}\.\d{1,3})$/;
/** Older ones take a container's settings where it is started. */
const OLDEST = '1.24';

/** @throws GateRefusal 400 for what is not exactly of the form that the engine's own clients send. */
export function parseTarget(method: string, url: string): Target {
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  if (url.length > MAX_TARGET || path.length > MAX_PATH)
    throw new GateRefusal(400, 'jobgate: the path is too long');
  const [root, first = '', ...rest] = path.split('/');
  const version = VERSION.exec(first)?.[1];
  const segments = version === undefined ? [first, ...rest] : rest;
  const isPlain = segments.every((segment) => SEGMENT.test(segment) && !/^\.+$/.test(segment));
  if (root !== '' || segments.length === 0 || !isPlain) {
    throw new GateRefusal(400, `jobgate: ${shown(path)} is no path of the engine's API: write it plainly`);
  }
  if (version !== undefined && isOlder(version, OLDEST)) {
    throw new GateRefusal(
      400,
      `client version ${version} is too old. Minimum supported API version is ${OLDEST}, please upgrade your client to a newer version`,
    );
  }
  return {
    method,
    version: version === undefined ? '' : `/v${version}`,
    segments,
    query: new URLSearchParams(at < 0 ? '' : url.slice(at + 1)),
  };
}

/** The target of the engine for these segments, and of the query what is known. */
export function formatTarget(
  { version, query }: Target,
  segments: readonly string[],
  known: readonly string[],
): string {
  const passed = new URLSearchParams();
  for (const name of known) {
    const value = query.get(name);
    if (value !== null) passed.set(name, value);
  }
  const text = passed.toString();
  return `${version}/${segments.join('/')}${text === '' ? '' : `?${text}`}`;
}
