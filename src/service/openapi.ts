import { z } from 'zod';
import type { Route } from './route.js';
import { apiError, refusal } from './schemas.js';

/** The OpenAPI 3.1 document of the routes. */
export function openapi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const one of routes) {
    if (one.hidden) continue;
    paths[one.path] = { ...paths[one.path], [one.method.toLowerCase()]: operation(one) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'jobgate', version, description: 'The network enforcement point of a compute node.' },
    paths,
    components: {
      schemas: { Error: jsonSchema(apiError), Refusal: jsonSchema(refusal) },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operation(one: Route): object {
  const parameters = [
    ...parametersOf(one.params, 'path'),
    ...parametersOf(one.query, 'query'),
    ...parametersOf(one.headers, 'header'),
  ];
  return {
    summary: one.summary,
    ...(one.access === 'node' && { security: [{ token: [] }] }),
    ...(parameters.length > 0 && { parameters }),
    ...(one.body && {
      requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(one.body) } } },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(one.answers).map(([status, { description, schema, content, headers }]) => [
          status,
          {
            description,
            ...(headers && { headers: headersOf(headers) }),
            ...(schema && { content: { 'application/json': { schema: jsonSchema(schema) } } }),
            ...(content && { content: { [content]: { schema: { type: 'string' } } } }),
          },
        ]),
      ),
      default: {
        description: 'what is wrong',
        content: {
          'application/json': {
            schema: { $ref: `#/components/schemas/${one.access === 'probe' ? 'Refusal' : 'Error'}` },
          },
        },
      },
    },
  };
}

function parametersOf(schema: z.ZodType | undefined, where: 'path' | 'query' | 'header'): object[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = jsonSchema(schema) as {
    properties?: Record<string, object>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, type]) => ({
    name,
    in: where,
    required: required.includes(name),
    schema: type,
  }));
}

function headersOf(headers: Readonly<Record<string, string>>): object {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
}

function jsonSchema(schema: z.ZodType): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}
