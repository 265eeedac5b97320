import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { VERSION } from '#assembly';
import { assertStorable, DomainError, type FieldError } from '#kernel';

interface Schema {
  [keyword: string]: unknown;
}

interface OperationObject {
  parameters?: { name: string; in: string; required?: boolean; schema: Schema; description?: string }[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, unknown>;
}

/** Fields whose keys are names that users choose: there `__proto__` is a string like any other. */
const PLAIN_KEYS = ['initial_state', 'state_delta', 'events[].state_delta'];

/**
 * The published OpenAPI document, made from the controllers and their DTOs, and enforced: what it does not describe
 * is refused. The class-validator decorators are the one source; Ajv checks them at twice the speed of their own engine.
 */
export class Contract {
  private readonly ajv = new Ajv({ allErrors: true, strict: false, useDefaults: true, validateFormats: false });
  private readonly queries = new Ajv({
    allErrors: true,
    strict: false,
    useDefaults: true,
    coerceTypes: true,
    validateFormats: false,
  });
  private readonly operations = new Map<
    string,
    { query: ValidateFunction; body?: ValidateFunction; bodyRequired: boolean; streams: boolean }
  >();

  private constructor(readonly document: OpenAPIObject) {
    this.ajv.addSchema({ $id: 'api', components: document.components });
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(item as Record<string, OperationObject>)) {
        this.addOperation(`${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`, operation);
      }
    }
  }

  static of(app: INestApplication): Contract {
    const document = SwaggerModule.createDocument(app, describe(), {
      operationIdFactory: (controller, method) => `${controller.replace('Controller', '').toLowerCase()}_${method}`,
    });
    for (const schema of Object.values(document.components?.schemas ?? {}) as Schema[]) {
      if (schema['properties'] !== undefined) seal(schema as Schema & { properties: Record<string, Schema> });
    }
    for (const item of Object.values(document.paths)) {
      for (const operation of Object.values(item as Record<string, OperationObject>)) {
        for (const parameter of operation.parameters ?? [])
          if ('default' in parameter.schema) parameter.required = false;
        withProblems(operation);
      }
    }
    addProblemSchema(document);
    return new Contract(document);
  }

  /** Checks a request before its handler runs; completes and converts its query. */
  check(request: FastifyRequest): void {
    const operation = this.operations.get(`${request.method} ${request.routeOptions.url}`);
    if (operation === undefined) return;
    const query = { ...(request.query as object) };
    assertStorable(query);
    if (!operation.query(query)) throw refusal(operation.query.errors!);
    request.query = query;
    if (operation.streams) return;
    if (operation.body === undefined) {
      if (request.body !== undefined && request.body !== null) throw refusal([], 'body', 'this request takes no body');
      return;
    }
    if (request.body === undefined && !operation.bodyRequired) return;
    assertStorable(request.body, '', PLAIN_KEYS);
    if (!operation.body(request.body)) throw refusal(operation.body.errors!);
  }

  private addOperation(route: string, { parameters = [], requestBody }: OperationObject): void {
    const query = parameters.filter((parameter) => parameter.in === 'query');
    const json = requestBody?.content['application/json'];
    this.operations.set(route, {
      query: this.queries.compile({
        type: 'object',
        properties: Object.fromEntries(query.map(({ name, schema }) => [name, schema])),
        required: query.filter(({ required }) => required).map(({ name }) => name),
        additionalProperties: false,
      }),
      body: json && this.ajv.compile(absolute(json.schema)),
      bodyRequired: requestBody?.required === true,
      streams: requestBody !== undefined && json === undefined,
    });
  }
}

const describe = (): Omit<OpenAPIObject, 'paths'> =>
  new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Abathur Memory')
    .setDescription('Sessions, memories and the audit log of AI agents. Errors are problem+json (RFC 9457).')
    .setVersion(VERSION)
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .build();

/** Nothing but the named fields; a field with a default may be left out. */
function seal(schema: Schema & { properties: Record<string, Schema> }): void {
  const required = (schema['required'] ?? []) as string[];
  schema['additionalProperties'] = false;
  schema['required'] = required.filter((name) => !('default' in schema.properties[name]!));
}

/** `#/components/…` seen from a schema that is compiled on its own. */
const absolute = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/')) as Schema;

function withProblems(operation: OperationObject): void {
  operation.responses['default'] = {
    description: 'Any error.',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}

function addProblemSchema(document: OpenAPIObject): void {
  const text = { type: 'string' };
  const schemas = ((document.components ??= {}).schemas ??= {}) as Record<string, Schema>;
  schemas['Problem'] = {
    type: 'object',
    required: ['type', 'title', 'status', 'instance', 'code', 'request_id'],
    properties: {
      type: text,
      title: text,
      status: { type: 'integer' },
      detail: text,
      instance: text,
      code: text,
      request_id: text,
      errors: {
        type: 'array',
        items: { type: 'object', required: ['field', 'detail'], properties: { field: text, detail: text } },
      },
      current_version: { type: ['integer', 'null'] },
      hint: text,
    },
    additionalProperties: false,
  };
}

/** Ajv's findings as fields and sentences. */
function refusal(found: ErrorObject[], field?: string, detail?: string): DomainError {
  const errors: FieldError[] = field === undefined ? found.slice(0, 20).map(fieldError) : [{ field, detail: detail! }];
  const first = errors[0]!;
  return new DomainError('invalid', 'invalid-request', `${first.field}: ${first.detail}`, { errors });
}

function fieldError({ instancePath, keyword, params, message = 'is not valid' }: ErrorObject): FieldError {
  const path = instancePath
    .slice(1)
    .replace(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.');
  const inside = (name: string): string => (path === '' ? name : `${path}.${name}`);
  switch (keyword) {
    case 'additionalProperties':
      return { field: inside(params['additionalProperty'] as string), detail: 'is not a field here' };
    case 'required':
      return { field: inside(params['missingProperty'] as string), detail: 'is required' };
    case 'enum':
      return { field: path, detail: `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}` };
    default:
      return { field: path === '' ? 'body' : path, detail: message };
  }
}
