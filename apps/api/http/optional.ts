import { ValidateIf } from 'class-validator';

/** May be left out. Unlike `IsOptional`, it does not let `null` pass for nothing: a wrong value is refused. */
export const MayBeLeftOut = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);
