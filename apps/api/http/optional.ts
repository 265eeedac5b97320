import { ValidateBy, ValidateIf } from 'class-validator';

/** May be left out. Unlike `IsOptional`, it does not let `null` pass for nothing: a wrong value is refused. */
export const MayBeLeftOut = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);

/** Must be sent, and may be anything, `null` too. */
export const MustBeSent = (): PropertyDecorator =>
  ValidateBy({ name: 'mustBeSent', validator: { validate: (value) => value !== undefined } });
