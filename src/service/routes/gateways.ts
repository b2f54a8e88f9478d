import { accountSchema } from '../../account/account.js';
import { parseDuration } from '../../duration.js';
import { ApiError } from '../api-error.js';
import { gatewayBody, gatewayPolicy } from '../gateway-request.js';
import { history } from '../overview/overview-schema.js';
import { changeBody, changed } from '../policy/change-request.js';
import { entityTag } from '../policy/if-match.js';
import { type Route, route } from '../route.js';
import {
  abandonedList,
  changedGateway,
  drainQuery,
  GATEWAY_STATES,
  gateway,
  gatewayList,
  gatewaysQuery,
  idParams,
  ifMatch,
} from '../schemas.js';
import type { Service } from '../service.js';

const MAX_DRAIN_MS = 600_000;
const NOT_CLOSED: ReadonlySet<string> = new Set(GATEWAY_STATES.filter((state) => state !== 'closed'));
const ETAG = { ETag: 'of its policy, for If-Match' };

export function gatewayRoutes(service: Service): Route[] {
  const { gateways } = service;
  return [
    route({
      method: 'POST',
      path: '/v1/gateways',
      operationId: 'openGateway',
      tag: 'gateways',
      summary: 'Opens the gateway of an execution, else of a job; asked again, gives the same',
      access: 'node',
      body: gatewayBody(service.config),
      answers: {
        200: { description: 'it was open already', schema: gateway, headers: ETAG },
        201: { description: 'it is open', schema: gateway, headers: ETAG },
      },
      handle: async ({ body }, reply, { headers, socket }) => {
        const { policy, job } = gatewayPolicy(body, service.config);
        const { remoteAddress: address } = socket;
        const openedBy = {
          ...{ by: 'api' as const, token: headers.authorization !== undefined },
          ...(address !== undefined && { address }),
        };
        const admit = () => service.admit(job).then(() => {});
        const opened = await gateways.open(policy, admit, { job, openedBy });
        reply.code(opened.created ? 201 : 200).header('ETag', entityTag(opened.gateway.revision));
        return opened.gateway.view();
      },
    }),
    route({
      method: 'GET',
      path: '/v1/gateways',
      operationId: 'listGateways',
      tag: 'gateways',
      summary: 'The gateways, with live figures; those that were closed where they are asked for',
      access: 'node',
      query: gatewaysQuery,
      answers: { 200: { description: 'the gateways', schema: gatewayList } },
      handle: async ({ query: { state = NOT_CLOSED, job, limit = Number.POSITIVE_INFINITY } }) => {
        const isAsked = (one: { readonly state: (typeof GATEWAY_STATES)[number] }, jobId: string) =>
          state.has(one.state) && (job === undefined || jobId === job);
        const ended = service.ended.list().filter((view) => isAsked(view, view.jobId));
        const open = gateways.list().filter((one) => isAsked(one, one.ids.job));
        return { gateways: [...ended, ...open.map((one) => one.view())].slice(-limit) };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/abandoned',
      operationId: 'listAbandonedContainers',
      tag: 'gateways',
      summary: 'Containers of jobs that their Bacalhau nodes follow no more, as the gate sees it',
      access: 'node',
      answers: { 200: { description: 'the containers', schema: abandonedList } },
      handle: async () => ({
        abandoned: service.abandoned().map((one) => ({ ...one, since: one.since.toISOString() })),
      }),
    }),
    route({
      method: 'GET',
      path: '/v1/gateways/{id}',
      operationId: 'getGateway',
      tag: 'gateways',
      summary: 'A gateway, with live figures; for a time after its end, with its last',
      access: 'node',
      params: idParams,
      answers: { 200: { description: 'the gateway', schema: gateway, headers: ETAG } },
      handle: async ({ params }, reply) => {
        const view = service.ended.find(params.id)?.view ?? gateways.get(params.id).view();
        reply.header('ETag', entityTag(view.revision));
        return view;
      },
    }),
    route({
      method: 'GET',
      path: '/v1/gateways/{id}/history',
      operationId: 'getGatewayHistory',
      tag: 'gateways',
      summary: 'How fast its job was in the last hour, and what was decided, also for a time after its end',
      access: 'node',
      params: idParams,
      answers: { 200: { description: 'the steps that are over', schema: history } },
      handle: async ({ params }) => {
        const { history: steps } = service.ended.find(params.id) ?? gateways.get(params.id);
        return steps.view(performance.now(), Date.now());
      },
    }),
    route({
      method: 'PATCH',
      path: '/v1/gateways/{id}',
      operationId: 'changeGateway',
      tag: 'gateways',
      summary: 'Changes the policy of a gateway; once answered, it holds, and what it forbids is cut',
      access: 'node',
      params: idParams,
      headers: ifMatch,
      body: changeBody(service.config),
      answers: { 200: { description: 'the new policy holds', schema: changedGateway, headers: ETAG } },
      handle: async ({ params, body }, reply, { headers, socket }) => {
        const served = gateways.get(params.id);
        const { config } = service;
        const done = await service.policies.change(served, {
          ifMatch: headers['if-match'],
          change: (policy) => changed(policy, body, { config, now: Date.now() }),
          by: ['api', socket.remoteAddress].join(' ').trim(),
        });
        reply.header('ETag', entityTag(served.revision));
        return { ...served.view(), ...done };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/gateways/{id}/docker',
      operationId: 'getDockerOptions',
      tag: 'gateways',
      summary: 'What the container needs, as options of docker run, one a line',
      access: 'node',
      params: idParams,
      answers: { 200: { description: 'the options', content: 'text/plain; charset=utf-8' } },
      handle: async ({ params }, reply) => {
        reply.type('text/plain; charset=utf-8');
        return `${gateways.get(params.id).view().docker.join('\n')}\n`;
      },
    }),
    route({
      method: 'GET',
      path: '/v1/gateways/{id}/account',
      operationId: 'getGatewayAccount',
      tag: 'gateways',
      summary:
        'What its job did so far, or, for a time after its end, all that it did; signed where a key is named',
      access: 'node',
      params: idParams,
      answers: {
        200: {
          description: 'the account',
          schema: accountSchema,
          headers: { 'Jobgate-Signature': 'Ed25519, over the bytes of the body, in base64' },
        },
      },
      handle: async ({ params }, reply) => {
        const { text, signature } = await service.accounts.get(params.id);
        if (signature !== undefined) reply.header('Jobgate-Signature', signature);
        reply.type('application/json; charset=utf-8');
        return text;
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/gateways/{id}',
      operationId: 'closeGateway',
      tag: 'gateways',
      summary: 'Closes a gateway, its connections drained for a while if so asked; answers its last state',
      access: 'node',
      params: idParams,
      query: drainQuery,
      answers: { 200: { description: 'it is closed', schema: gateway } },
      handle: async ({ params, query }) => {
        const served = gateways.get(params.id);
        const closed = await gateways.close(served.id, {
          drainMs: drainTime(query.drain),
          reason: 'asked to',
        });
        return closed.view();
      },
    }),
  ];
}

function drainTime(text: string | undefined): number {
  if (text === undefined) return 0;
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= MAX_DRAIN_MS) return ms;
  throw ApiError.invalid([{ path: '?drain', problem: 'must be a time of at most 10m, as 500ms or 10s' }]);
}
