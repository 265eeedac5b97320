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
  summary?: string;
  description?: string;
  parameters?: { name: string; in: string; required?: boolean; schema: Schema; description?: string }[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, unknown>;
}

/** What a route takes. */
interface Operation {
  query: () => ValidateFunction;
  parameters: Map<string, Schema>;
  /** `none`: a body is refused. `stream`: the handler reads it line by line. */
  body: (() => ValidateFunction) | 'none' | 'stream';
  bodyRequired: boolean;
}

/** Fields whose keys are names that users choose: there `__proto__` is a string like any other. */
const PLAIN_KEYS = ['initial_state', 'state_delta', 'events[].state_delta'];

/**
 * The published OpenAPI document, made from the controllers and their DTOs, and enforced: what it does not describe
 * is refused. The class-validator decorators are the one source; Ajv checks them at twice the speed of their own engine.
 */
export class Contract {
  private readonly ajv = new Ajv({
    allErrors: true,
    strict: false,
    useDefaults: true,
    discriminator: true,
    validateFormats: false,
  });
  private readonly operations = new Map<string, Operation>();

  private constructor(readonly document: OpenAPIObject) {
    this.ajv.addSchema({ $id: 'api', components: forAjv(document.components) });
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
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(item as Record<string, OperationObject>)) {
        if (
          method === 'get' &&
          path.startsWith('/v1/') &&
          /"(application\/json|text\/plain)"/.test(JSON.stringify(operation.responses))
        )
          operation.responses['304'] = { description: 'The client has it already.' };
        for (const parameter of operation.parameters ?? [])
          if ('default' in parameter.schema) parameter.required = false;
        withProblems(operation);
        summarise(operation);
      }
    }
    addProblemSchema(document);
    return new Contract(document);
  }

  /** Checks a request before its handler runs; completes and converts its query. */
  check(request: FastifyRequest): void {
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const operation = this.operations.get(`${method} ${request.routeOptions.url}`);
    if (operation === undefined) return;
    request.query = checkQuery(request.query as object, operation);
    checkBody(request.body, operation);
  }

  private addOperation(route: string, { parameters = [], requestBody }: OperationObject): void {
    const query = parameters.filter((parameter) => parameter.in === 'query');
    const json = requestBody?.content['application/json'];
    const other = requestBody === undefined ? 'none' : 'stream';
    this.operations.set(route, {
      parameters: new Map(query.map(({ name, schema }) => [name, schema])),
      query: this.compiled({
        type: 'object',
        properties: Object.fromEntries(query.map(({ name, schema }) => [name, schema])),
        required: query.filter(({ required }) => required).map(({ name }) => name),
        additionalProperties: false,
      }),
      body: json === undefined ? other : this.compiled(absolute(json.schema)),
      bodyRequired: requestBody?.required === true,
    });
  }

  /** Compiles a schema at its first use: a start does not wait for routes that nobody asks for. */
  private compiled(schema: Schema): () => ValidateFunction {
    let validate: ValidateFunction | undefined;
    return () => (validate ??= this.ajv.compile(schema));
  }
}

function checkQuery(given: object, { query: validator, parameters }: Operation): object {
  const valid = validator();
  const query: Record<string, unknown> = { ...given };
  assertStorable(query);
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) throw refusal([], name, 'is given more than once');
    query[name] = typed(value, parameters.get(name));
  }
  if (!valid(query)) throw refusal(valid.errors!);
  return query;
}

/** A query is text: what spells a whole number or a truth value becomes one, and the schema judges the rest. */
function typed(value: unknown, schema: Schema | undefined): unknown {
  if (schema?.['type'] === 'integer' && /^-?\d{1,16}$/.test(String(value))) return Number(value);
  if (schema?.['type'] === 'boolean' && /^(true|false)$/.test(String(value))) return value === 'true';
  return value;
}

function checkBody(body: unknown, { body: validator, bodyRequired }: Operation): void {
  if (validator === 'stream') return;
  if (validator === 'none') {
    if (body !== undefined && body !== null) throw refusal([], 'body', 'this request takes no body');
    return;
  }
  if (body === undefined && !bodyRequired) return;
  if (body === undefined) throw refusal([], 'body', 'is required');
  assertStorable(body, '', PLAIN_KEYS);
  const valid = validator();
  if (!valid(body)) throw refusal(valid.errors!);
}

const describe = (): Omit<OpenAPIObject, 'paths'> =>
  new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Abathur Memory')
    .setDescription(
      'Memory for AI agents: sessions, memories, documents, tasks and contexts, search in them, and the log of every change. ' +
        'Errors are problem+json (RFC 9457).',
    )
    .setVersion(VERSION)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'A key: `abk_…`.' }, 'key')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'The same key.' }, 'key_header')
    // Either, or neither where the server asks for no keys.
    .addSecurityRequirements('key')
    .addSecurityRequirements('key_header')
    .addSecurityRequirements({})
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .build();

/** Lists show the first sentence of what is said of a route, in plain text; the whole of it is read below. */
function summarise(operation: OperationObject): void {
  const { summary: said, description } = operation;
  if (said === undefined) return;
  const whole = said.replaceAll('\n', ' ');
  operation.summary = (/^.*?\.(?= [A-Z])/.exec(whole)?.[0] ?? whole).replaceAll('`', '');
  if (operation.summary !== whole) operation.description = [whole, description].filter(Boolean).join('\n\n');
}

/** Nothing but the named fields; a field with a default may be left out. */
function seal(schema: Schema & { properties: Record<string, Schema> }): void {
  const required = (schema['required'] ?? []) as string[];
  schema['additionalProperties'] = false;
  schema['required'] = required.filter((name) => !('default' in schema.properties[name]!));
}

/** `#/components/…` seen from a schema that is compiled on its own. */
const absolute = (schema: Schema): Schema =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/')) as Schema;

/** Ajv finds the branch by its tag alone, and refuses OpenAPI's table of branches. */
const forAjv = (components: unknown): unknown =>
  JSON.parse(
    JSON.stringify(components, (key, value: { propertyName: string }) =>
      key === 'discriminator' ? { propertyName: value.propertyName } : value,
    ),
  );

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
  // A tag that is missing or unknown is told by the tag's own rule as well.
  const telling = found.filter(({ keyword }) => keyword !== 'discriminator');
  const errors: FieldError[] =
    field === undefined ? telling.slice(0, 20).map(fieldError) : [{ field: shorten(field), detail: detail! }];
  const first = errors[0]!;
  return new DomainError('invalid', 'invalid-request', `${first.field}: ${first.detail}`, { errors });
}

function fieldError({ instancePath, keyword, params, message = 'is not valid' }: ErrorObject): FieldError {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((before, part) => (/^\d+$/.test(part) ? `${before}[${part}]` : inside(before, part)), '');
  switch (keyword) {
    case 'additionalProperties':
      return { field: shorten(inside(path, params['additionalProperty'] as string)), detail: 'is not a field here' };
    case 'required':
      return { field: inside(path, params['missingProperty'] as string), detail: 'is required' };
    case 'enum':
      return { field: path, detail: `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}` };
    default:
      return { field: path === '' ? 'body' : shorten(path), detail: message };
  }
}

const inside = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

const shorten = (field: string): string => (field.length <= 200 ? field : `${field.slice(0, 200)}…`);
