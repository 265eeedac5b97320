import { ApiProperty, getSchemaPath } from '@nestjs/swagger';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  MinLength,
} from 'class-validator';
import type { JsonObject } from '#kernel';
import { MEMORY_TYPES, type MemoryType } from '#memories';
import { MayBeLeftOut } from './http/optional.js';
import { PageQuery } from './http/page.dto.js';
import { ANY_OBJECT, ANY_VALUE, nullable } from './http/schemas.js';

/** Ten years: whoever wants longer wants for ever. */
const MAX_TTL_SECONDS = 315_360_000;

export class MemoryContentBody {
  @ApiProperty(ANY_OBJECT)
  @IsObject()
  value!: JsonObject;

  /** Semantic by default; on an existing memory, what it is already. */
  @MayBeLeftOut()
  @IsIn(MEMORY_TYPES)
  memory_type?: MemoryType;

  /** What is left out stays as it is. */
  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  metadata?: JsonObject;

  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  task_id?: string | null;

  /** Session that it was learnt in; it must exist. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  session_id?: string | null;

  /** Life time; episodic memories have 90 days by default, the others no end. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(MAX_TTL_SECONDS)
  ttl_seconds?: number;
}

export class AddMemoryBody extends MemoryContentBody {
  /** `:`-separated, beginning with session, user, app or project. */
  @IsString()
  @MinLength(1)
  @MaxLength(512)
  namespace!: string;

  @IsString()
  @MinLength(1)
  @MaxLength(256)
  key!: string;

  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  created_by?: string;
}

export class PutMemoryBody extends MemoryContentBody {
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  updated_by?: string;
}

export class RestoreMemoryBody {
  /** Give the memory this version's content again; without it, take a deletion back. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  version?: number;
}

export class PublishMemoryBody {
  @IsString()
  @MaxLength(512)
  from_namespace!: string;

  @IsString()
  @MaxLength(512)
  to_namespace!: string;

  @IsString()
  @MaxLength(256)
  key!: string;
}

export class GetMemoryQuery {
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  version?: number;

  /** Also what is in quarantine: for who looks into it. */
  @MayBeLeftOut()
  @IsBoolean()
  include_quarantined: boolean = false;

  /** A log position or an ISO-8601 time: the memory as it was then. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class DiffMemoryQuery {
  @ApiProperty({ type: 'integer' })
  @IsInt()
  @Min(1)
  from!: number;

  @ApiProperty({ type: 'integer' })
  @IsInt()
  @Min(1)
  to!: number;
}

export class ListMemoriesQuery extends PageQuery {
  /** Whole segments: `user:al` does not match `user:alice`. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  namespace_prefix?: string;

  @MayBeLeftOut()
  @IsIn(MEMORY_TYPES)
  memory_type?: MemoryType;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  key_prefix?: string;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  created_by?: string;

  /** ISO-8601, inclusive. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  updated_after?: string;

  /** ISO-8601, inclusive. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  updated_before?: string;

  @MayBeLeftOut()
  @IsBoolean()
  include_deleted: boolean = false;

  /** Also those that went into another memory, and those that were archived. */
  @MayBeLeftOut()
  @IsBoolean()
  include_superseded: boolean = false;

  /** Also what is in quarantine: for who looks into it. */
  @MayBeLeftOut()
  @IsBoolean()
  include_quarantined: boolean = false;

  /**
   * JSON: `{ field: value }` or `{ field: { operator: value } }` with eq, ne, gt, gte, lt, lte, in, nin, exists,
   * contains, and AND, OR, NOT around them. Fields: key, namespace, version …, `metadata.<path>`, `value.<path>`; any
   * other name is a path into metadata.
   */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(16384)
  filter?: string;

  /** A log position or an ISO-8601 time: what there was then. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class ExportMemoriesQuery {
  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  namespace_prefix?: string;

  @MayBeLeftOut()
  @IsIn(MEMORY_TYPES)
  memory_type?: MemoryType;

  /** A log position or an ISO-8601 time: what there was then. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class HistoryQuery extends PageQuery {
  /** Also what is in quarantine: for who looks into it. */
  @MayBeLeftOut()
  @IsBoolean()
  include_quarantined: boolean = false;

  /** A log position or an ISO-8601 time: the versions that there were then. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class MemoryOrigin {
  namespace!: string;
  key!: string;
  @ApiProperty({ type: 'integer' })
  version!: number;
}

export class MemoryBody {
  /** Log position of the event that made this version. */
  @ApiProperty({ type: 'integer' })
  id!: number;
  namespace!: string;
  key!: string;
  @ApiProperty(ANY_OBJECT)
  value!: JsonObject;
  @ApiProperty({ enum: MEMORY_TYPES })
  memory_type!: MemoryType;
  @ApiProperty({ type: 'integer' })
  version!: number;
  is_deleted!: boolean;
  @ApiProperty(ANY_OBJECT)
  metadata!: JsonObject;
  created_by!: string;
  updated_by!: string;
  created_at!: string;
  updated_at!: string;
  expires_at!: string | null;
  task_id!: string | null;
  session_id!: string | null;
  /** The version that this one was published from. */
  @ApiProperty(nullable(MemoryOrigin))
  published_from!: MemoryOrigin | null;
  /** Id of the memory that this one went into. */
  @ApiProperty({ type: 'integer', nullable: true })
  consolidated_into!: number | null;
  /** The versions that this one was made of. */
  @ApiProperty({ type: 'array', items: { $ref: getSchemaPath(MemoryOrigin) }, nullable: true })
  consolidated_from!: MemoryOrigin[] | null;
  /** It is out of lists and searches because nobody has written it for long. */
  is_archived!: boolean;
  /** It is part of a conflict that somebody has to look at. */
  requires_review!: boolean;
  /** It came from where nothing is trusted, and is shown only to who asks for it. */
  is_quarantined!: boolean;
}

export class MemoryPage {
  items!: MemoryBody[];
  next_cursor!: string | null;
}

export class PatchOperationBody {
  @ApiProperty({ enum: ['add', 'remove', 'replace', 'move', 'copy', 'test'] })
  op!: string;
  /** JSON Pointer into `{ memory_type, value, metadata }`. */
  path!: string;
  from?: string;
  @ApiProperty(ANY_VALUE)
  value?: unknown;
}

export class ImportResultBody {
  /** Lines read. */
  @ApiProperty({ type: 'integer' })
  imported!: number;
  /** Lines that made a new version. */
  @ApiProperty({ type: 'integer' })
  written!: number;
  /** Lines that were there already. */
  @ApiProperty({ type: 'integer' })
  unchanged!: number;
}

export class ExpireMemoriesBody {
  /** Only `episodic` memories fade. */
  @IsIn(MEMORY_TYPES)
  memory_type!: MemoryType;

  /** Days since the last write. */
  @ApiProperty({ type: 'integer' })
  @IsInt()
  @Min(1)
  @Max(36_500)
  older_than_days!: number;

  /** Tell which, and change nothing. */
  @MayBeLeftOut()
  @IsBoolean()
  dry_run: boolean = false;
}

export class ExpiredBody {
  /** Versions that have faded, or would. */
  @ApiProperty({ type: 'integer', isArray: true })
  ids!: number[];
  dry_run!: boolean;
  /** There are others: ask again. */
  more!: boolean;
}
