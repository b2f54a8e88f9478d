import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Answer, json } from './fake-engine.js';

interface Container {
  readonly Id: string;
  Name: string;
  readonly Config: { readonly Labels?: Readonly<Record<string, string>> };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts?: readonly object[];
  readonly NetworkSettings?: object;
}

interface Network {
  readonly Id: string;
  readonly Name: string;
  Labels?: Readonly<Record<string, string>>;
  Options?: object;
  Containers?: Readonly<Record<string, object>>;
}

interface Volume {
  readonly Name: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

type Route = (match: readonly string[], request: IncomingMessage) => unknown;

/** 64 hex digits, as the engine's ids are. */
export const idOf = (name: string) => createHash('sha256').update(name).digest('hex');

class Refused extends Error {
  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {
    super(String(status));
  }
}

/** What an engine has, and answers about it: enough of the Docker Engine API for the gate. */
export class FakeDocker {
  readonly containers: Container[] = [];
  readonly networks: Network[] = ['bridge', 'host', 'none'].map((Name) => ({ Id: idOf(Name), Name }));
  readonly volumes: Volume[] = [];
  /** Their configuration, by name. */
  readonly images: Record<string, object> = { image: { Env: [] } };
  /** Says otherwise: a status and an answer, by `METHOD /path` without version and query. */
  readonly says = new Map<string, readonly [status: number, answer: unknown] | Answer>();

  /** A container of somebody else's. */
  add(name: string, more: Partial<Container> = {}): string {
    const { Id = idOf(`${name} ${this.containers.length}`) } = more;
    this.containers.push({
      ...{ Id, Name: `/${name}`, Config: {}, HostConfig: { NetworkMode: 'bridge', ContainerIDFile: '' } },
      ...more,
    });
    return Id;
  }

  answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = request;
    const path = url.replace(/\?.*/, '').replace(/^\/v[\d.]+/, '');
    const said = this.says.get(`${method} ${path}`);
    if (typeof said === 'function') return said(request, response);
    if (said) return json(response, said[1], said[0]);
    for (const [pattern, route] of Object.entries(this.#routes)) {
      const match = new RegExp(`^${pattern}$`).exec(`${method} ${path}`);
      if (!match) continue;
      try {
        const value = await route(match, request);
        if (value === undefined) response.writeHead(204).end();
        else json(response, value, method === 'POST' ? 201 : 200);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        json(response, error.body, error.status);
      }
      return;
    }
    json(response, { message: `the engine has no ${method} ${path}` }, 404);
  };

  readonly #routes: Readonly<Record<string, Route>> = {
    'GET /containers/json': () => this.containers.map(({ Id, Name }) => ({ Id, Names: [Name] })),
    'POST /containers/create': async (_, request) => {
      const { HostConfig, ...Config } = JSON.parse(await text(request));
      const name = new URLSearchParams(request.url?.split('?')[1]).get('name') ?? 'unnamed';
      return { Id: this.add(name, { Config, HostConfig }), Warnings: [] };
    },
    'GET /containers/([^/]+)/json': ([, given = '']) => this.#find(given),
    'DELETE /containers/([^/]+)': ([, given = '']) => this.#remove(this.containers, this.#find(given)),
    'POST /containers/([^/]+)/exec': ([, given = '']) => ({ Id: idOf(`exec ${this.#find(given).Id}`) }),
    'POST /containers/([^/]+)/(start|restart|stop|rename)': ([, given = '']) => void this.#find(given),
    'GET /networks': () => this.networks,
    'GET /networks/([^/]+)': ([, given]) =>
      this.networks.find(({ Id, Name }) => [Id, Name].includes(given ?? '')) ?? missing('network'),
    'GET /volumes': () => ({ Volumes: this.volumes, Warnings: null }),
    'GET /volumes/([^/]+)': ([, given]) => this.#volume(given),
    'DELETE /volumes/([^/]+)': ([, given]) => this.#remove(this.volumes, this.#volume(given)),
    'POST /volumes/create': async (_, request) => {
      const asked: Volume = JSON.parse(await text(request));
      const known = this.volumes.find(({ Name }) => Name === asked.Name);
      if (!known) this.volumes.push(asked);
      return known ?? asked;
    },
    'GET /images/(.+)/json': ([, name = '']) =>
      this.images[name] ? { Id: `sha256:${idOf(name)}`, Config: this.images[name] } : missing('image'),
    'GET /info': () => ({ DockerRootDir: '/var/lib/docker' }),
  };

  #find(given: string): Container {
    const called = (one: Container) => one.Id === given || one.Name === `/${given}`;
    return (
      this.containers.find(called) ??
      this.containers.find(({ Id }) => Id.startsWith(given)) ??
      missing('container')
    );
  }

  #volume(given: string | undefined): Volume {
    return this.volumes.find(({ Name }) => Name === given) ?? missing('volume');
  }

  #remove<T>(all: T[], one: T): void {
    all.splice(all.indexOf(one), 1);
  }
}

function missing(kind: string): never {
  throw new Refused(404, { message: `the engine has no such ${kind}` });
}
