import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { ValidateBy } from 'class-validator';
import { MayBeLeftOut } from './optional.js';

/** `as_of` in a body: a log position or an ISO-8601 time. */
export const TimeOrPosition = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ oneOf: [{ type: 'string', maxLength: 40 }, { type: 'integer' }] }),
    MayBeLeftOut(),
    ValidateBy({ name: 'timeOrPosition', validator: { validate: isTextOrPosition } }),
  );

function isTextOrPosition(value: unknown): boolean {
  return typeof value === 'string' ? [...value].length <= 40 : Number.isInteger(value);
}

/** As reads take it. */
export const asOfText = (asOf: string | number | undefined): string | undefined =>
  asOf === undefined ? undefined : String(asOf);
