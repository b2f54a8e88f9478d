import http from 'node:http';
import https from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import { inspect } from 'node:util';
import type Dockerode from 'dockerode';
import { EngineError } from './errors.js';

/** Of an answer that is read whole, bytes: a list of containers has some 3 kB for each. */
const MAX_ANSWER = 64 << 20;
/**
 * Of what the engine says about one image, bytes. Labels and environment are the image's own, and every list of
 * containers repeats them: one that has more is not used.
 */
const MAX_IMAGE = 1 << 20;
/** What an answer may take, ms, where nothing but the engine's own work is between. */
const ANSWER_MS = 120_000;
/** Asked of these, the engine works for as long as the job or its image makes it; who asks has a deadline of its own. */
const LONG = /\/(?:create|start|stop|wait)$/;
/** What a path may hold: nothing that ends it or leads elsewhere, whatever a name was made of. */
const PATH = /^(?:\/[A-Za-z0-9._~:@%+[\]-]+)+$/;

/** A request as docker-modem takes it. */
interface Dial {
  readonly path: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly statusCodes: Readonly<Record<number, boolean | string | undefined>>;
  readonly isStream?: boolean;
  readonly openStdin?: boolean;
  /** The body, instead of `options`. */
  readonly file?: Buffer;
  readonly abortSignal?: AbortSignal;
}

type Answered = (error: unknown, answer?: unknown) => void;
interface Modem {
  agent: http.Agent | undefined;
  readonly protocol: string;
  dial(request: Dial, answered: Answered): void;
}
type Response = Readable & { readonly statusCode?: number };

const ANY_STATUS = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [index + 100, true]));

/**
 * Makes a client's requests safe from what names, images and jobs hold: paths are checked, answers that are read whole
 * are bounded (docker-modem makes one text of any length of them, and beyond 512 MiB that ends the process), one that
 * breaks off is an error, and what a container is made of goes into the body alone (a URL of more than 1 MiB is refused).
 */
export function boundAnswers(docker: Dockerode): Dockerode {
  const modem = docker.modem as unknown as Modem;
  modem.agent = withoutUncaught(modem.protocol === 'https' ? https.Agent : http.Agent);
  const dial = modem.dial.bind(modem);
  modem.dial = (request, answered) => {
    const path = request.path.replace(/\?$/, '');
    if (!PATH.test(path) || path.split('/').some((part) => part === '.' || part === '..')) {
      answered(
        new EngineError('the name of an image, container or network is none that the engine could have'),
      );
      return;
    }
    // Its answer comes when a container ends: a connection that breaks meanwhile is no answer. See container.ts.
    if (path.endsWith('/wait')) return dial(request, answered);
    // What goes both ways: the engine answers with an upgrade, or with a status that is read as ever. docker-modem would send
    // what the URL says as a body too, which Podman gives to the container as its first input.
    if (request.openStdin) return dial({ ...request, file: Buffer.alloc(0) }, answered);
    const late = request.isStream || LONG.test(path) ? undefined : AbortSignal.timeout(ANSWER_MS);
    const abortSignal = request.abortSignal ?? late;
    if (abortSignal) opaque(abortSignal);
    const failed = (error: unknown) => answered(late?.aborted ? noAnswer() : error);
    const asked = {
      ...{ ...request, ...splitCreate(request), isStream: true, statusCodes: ANY_STATUS },
      ...(abortSignal && { abortSignal }),
    };
    dial(asked, (error, answer) => {
      if (error) return failed(error);
      const response = answer as Response;
      const { statusCode } = response;
      // An upgrade is the connection itself.
      const isFine = statusCode === undefined || request.statusCodes[statusCode] === true;
      if (isFine && request.isStream) return answered(null, response);
      readAll(response, /^\/images\/.*\/json$/.test(path) ? MAX_IMAGE : MAX_ANSWER).then(
        (body) => (isFine ? answered(null, body) : answered(refusal(request, statusCode, body))),
        failed,
      );
    });
  };
  return docker;
}

const noAnswer = () => new EngineError(`the engine did not answer within ${ANSWER_MS / 1000} s`);

// Node has nobody listen to a connection whose answer came before all of the question was written: where it breaks
// then, the process would end.
function withoutUncaught(Kind: typeof http.Agent): http.Agent {
  class Agent extends Kind {
    override createConnection(...args: unknown[]): Duplex {
      const create = (Kind.prototype as unknown as { createConnection(...args: unknown[]): Duplex })
        .createConnection;
      return create.apply(this, args).on('error', () => {});
    }
  }
  return opaque(new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 }));
}

/**
 * docker-modem has each request made into text for a log that nobody reads, with all that can be reached from it: by the
 * agent and the signal all other requests, so that a hundred at once take minutes.
 */
function opaque<T extends object>(thing: T): T {
  return Object.defineProperty(thing, inspect.custom, { value: () => '', configurable: true });
}

function splitCreate({ path, options }: Dial): Pick<Dial, 'options'> {
  if (path !== '/containers/create?' || !options || options._body) return {};
  const { name, platform, ...body } = options;
  return { options: { _query: JSON.parse(JSON.stringify({ name, platform })), _body: body } };
}

// As docker-modem has it: the text where it is no JSON.
async function readAll(response: Response, max: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Leaving the loop closes the connection.
    if (length > max) throw new EngineError(`the engine's answer has more than ${max >> 20} MiB`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return body;
  }
}

function refusal({ statusCodes }: Dial, statusCode: number | undefined, body: unknown): Error {
  const { message } = (body ?? {}) as { message?: unknown };
  const said = typeof message === 'string' ? message : String(body);
  const reason = statusCodes[statusCode ?? 0] || 'unexpected';
  return Object.assign(new Error(`(HTTP code ${statusCode}) ${reason} - ${said}`), {
    ...{ statusCode, reason, json: body },
  });
}
