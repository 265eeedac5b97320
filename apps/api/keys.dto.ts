import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsIn, IsObject, IsString, MaxLength, MinLength, ValidateBy } from 'class-validator';
import { ROLES, type Right, type Role } from '#access';
import { MayBeLeftOut } from './http/optional.js';
import { PageQuery } from './http/page.dto.js';

const PROJECTS = {
  type: 'object' as const,
  additionalProperties: { type: 'string' as const, enum: ['read', 'write'] },
};

/** `read` or `write` by project. */
const AreRights = (): PropertyDecorator =>
  ValidateBy({
    name: 'areRights',
    validator: {
      validate: (value) =>
        Object.values((value ?? {}) as object).every((right) => right === 'read' || right === 'write'),
    },
  });

export class CreateKeyBody {
  /** What people call it, for instance `barista in shop 4`. */
  @IsString()
  @MinLength(1)
  @MaxLength(128)
  name!: string;

  /** agent: for one user of an app. service: for several, and for the app itself. auditor: reads everything. operator: everything. */
  @IsIn(ROLES)
  role!: Role;

  /** The app that an agent or service belongs to. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(128)
  app?: string;

  /** The users for whom it acts: one for an agent. */
  @MayBeLeftOut()
  @IsArray()
  @ArrayMaxSize(1000)
  @IsString({ each: true })
  users?: string[];

  /** The projects in which it acts, each with `read` or `write`. */
  @ApiProperty(PROJECTS)
  @MayBeLeftOut()
  @IsObject()
  @AreRights()
  projects?: Record<string, Right>;

  /** ISO-8601, or `never`; left out: in 90 days. */
  @MayBeLeftOut()
  @IsString()
  expires_at?: string;
}

export class ListKeysQuery extends PageQuery {}

export class KeyBody {
  /** Part of the key: `abk_<environment>_<id>_…`. */
  id!: string;
  name!: string;
  @ApiProperty({ enum: ROLES })
  role!: Role;
  app!: string | null;
  users!: string[];
  @ApiProperty(PROJECTS)
  projects!: Record<string, Right>;
  @ApiProperty({ enum: ['active', 'expired', 'revoked'] })
  status!: 'active' | 'expired' | 'revoked';
  /** The key that it was rotated from. */
  replaces!: string | null;
  created_by!: string;
  created_at!: string;
  expires_at!: string | null;
  revoked_at!: string | null;
  revoked_by!: string | null;
  /** The minute in which it was last shown; `null`: not yet, or not since the file was made anew. */
  last_used_at!: string | null;
}

export class CreatedKeyBody extends KeyBody {
  /** The key itself, shown this once; `null` when an idempotent request is answered again. */
  key!: string | null;
}

export class KeyPage {
  items!: KeyBody[];
  next_cursor!: string | null;
}
