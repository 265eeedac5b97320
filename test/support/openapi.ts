import { Ajv2020 } from 'ajv/dist/2020.js';

/** The parts of an OpenAPI document that specs look at. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  discriminator?: { propertyName: string; mapping: Record<string, string> };
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  [keyword: string]: unknown;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema: Schema;
}

export interface OperationObject {
  operationId: string;
  summary?: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>;
}

export interface ApiDocument {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, OperationObject>>;
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, object> };
  security: Record<string, string[]>[];
}

export interface Operation {
  /** For instance `GET /v1/sessions/{id}`. */
  name: string;
  path: string;
  method: string;
  operation: OperationObject;
}

export const operationsOf = (document: ApiDocument): Operation[] =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      method,
      operation,
    })),
  );

export const pointer = (...parts: string[]): string =>
  parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** An answer as far as the document has a say in it. */
export interface AnswerSeen {
  status: number;
  /** Content-Type. */
  type: string | null;
  text: string;
}

/** Holds answers against what the document promises for them. */
export class Promises {
  readonly ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });

  constructor(document: ApiDocument) {
    this.ajv.addSchema({ $id: 'api', ...document });
  }

  /** What an answer has that the document does not know of; nothing, when it is as promised. */
  brokenBy({ name, path, method, operation }: Operation, { status, type, text }: AnswerSeen): string | undefined {
    const promised = operation.responses[status] === undefined && status >= 400 ? 'default' : String(status);
    const response = operation.responses[promised];
    if (response === undefined) return `${name} answered ${status}, which the document does not know`;
    if (response.content === undefined)
      return text === '' ? undefined : `${name} ${status} has a body that the document does not know: ${text}`;
    const [media] = (type ?? '').split(';') as [string];
    if (response.content[media] === undefined) return `${name} ${status} answered ${media}: ${text}`;
    const isJson = media.endsWith('json') && !media.endsWith('ndjson');
    const where = pointer('paths', path, method, 'responses', promised, 'content', media, 'schema');
    const valid = this.ajv.compile({ $ref: `api#${where}` });
    if (valid(isJson ? JSON.parse(text) : text)) return undefined;
    return `${name} ${status}: ${this.ajv.errorsText(valid.errors)}\n${text.slice(0, 2000)}`;
  }
}
