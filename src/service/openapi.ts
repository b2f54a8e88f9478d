import { z } from 'zod';
import type { Route } from './route.js';
import { apiError, refusal } from './schemas.js';

const TAGS = {
  admission: 'Whether a job may run on this node',
  gateways: "Ways out, each for one job of the caller's",
  jobs: 'Jobs that serve runs itself',
  events: 'What happens',
  health: 'How this serve is',
};

/** Named schemas, as they are met. */
type Schemas = Record<string, object>;

/** The OpenAPI 3.1 document of the routes. */
export function openapi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, unknown>> = {};
  const schemas: Schemas = {};
  for (const one of routes) {
    if (one.hidden) continue;
    paths[one.path] = { ...paths[one.path], [one.method.toLowerCase()]: operation(one, schemas) };
  }
  const error = (schema: z.ZodType) => ({
    description: 'what is wrong',
    content: { 'application/json': { schema: jsonSchema(schema, schemas) } },
  });
  const responses = { Error: error(apiError), Refusal: error(refusal) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'jobgate',
      version,
      description:
        'The network enforcement point of a compute node. On a unix socket its mode says who may ask, and no token is looked at. Times are ISO 8601, in UTC; rates are bit/s.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      contact: { name: 'the operator of this node' },
    },
    servers: [{ url: '/', description: 'where this document is from' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    security: [{ token: [] }],
    paths,
    components: {
      schemas: sorted(schemas),
      responses,
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'the first line of the token file' },
      },
    },
  };
}

/** Besides the usual one, which is to show the token. */
const SECURITY = { open: [], probe: [{}, { token: [] }], node: undefined };

function operation(one: Route, schemas: Schemas): object {
  const parameters = [
    ...parametersOf(one.params, 'path', schemas),
    ...parametersOf(one.query, 'query', schemas),
    ...parametersOf(one.headers, 'header', schemas),
  ];
  const security = SECURITY[one.access];
  const error = { $ref: `#/components/responses/${one.access === 'probe' ? 'Refusal' : 'Error'}` };
  return {
    operationId: one.operationId,
    tags: [one.tag],
    summary: one.summary.split(/[:;,]/)[0],
    description: one.summary,
    ...(security && { security }),
    ...(parameters.length > 0 && { parameters }),
    ...(one.body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: jsonSchema(one.body, schemas) } },
      },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(one.answers).map(([status, { description, schema, content, headers }]) => [
          status,
          {
            description,
            ...(headers && { headers: headersOf(headers) }),
            ...(schema && { content: { 'application/json': { schema: jsonSchema(schema, schemas) } } }),
            // Of what type it is, without how it is written.
            ...(content && {
              content: { [content.split(';')[0] as string]: { schema: { type: 'string' } } },
            }),
          },
        ]),
      ),
      '4XX': error,
      default: error,
    },
  };
}

function parametersOf(
  schema: z.ZodType | undefined,
  where: 'path' | 'query' | 'header',
  schemas: Schemas,
): object[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, schemas) as {
    properties?: Record<string, { description?: string }>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...type }]) => ({
    name,
    in: where,
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema: type,
  }));
}

function headersOf(headers: Readonly<Record<string, string>>): object {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
}

/** What has a title is a component of that name, wherever it stands. */
function jsonSchema(schema: z.ZodType, schemas: Schemas): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return extracted(rest, schemas) as object;
}

function extracted(value: unknown, schemas: Schemas): unknown {
  if (Array.isArray(value)) return value.map((one) => extracted(one, schemas));
  if (typeof value !== 'object' || value === null) return value;
  const { title, ...own } = value as { title?: unknown; description?: string };
  const all = Object.fromEntries(Object.entries(own).map(([key, one]) => [key, extracted(one, schemas)]));
  if (typeof title !== 'string') return all;
  schemas[title] ??= all;
  const { description } = own;
  return { $ref: `#/components/schemas/${title}`, ...(description !== undefined && { description }) };
}

const sorted = (schemas: Schemas): Schemas =>
  Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => a.localeCompare(b)));
