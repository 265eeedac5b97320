import { getSchemaPath } from '@nestjs/swagger';

/** A JSON object of the client's own shape. */
export const ANY_OBJECT = { type: 'object', additionalProperties: true } as const;

/** Any JSON value. */
export const ANY_VALUE = { anyOf: [{}] };

/** A part that may be missing, as `null`. */
export const nullable = (model: new () => unknown) => ({
  anyOf: [{ $ref: getSchemaPath(model) }, { type: 'null' as never }],
});
