import { ApiProperty, IntersectionType, OmitType } from '@nestjs/swagger';
import { IsIn, IsInt, IsString, MaxLength, Min } from 'class-validator';
import type { JsonObject } from '#kernel';
import { PageQuery } from './http/page.dto.js';
import { MayBeLeftOut } from './http/optional.js';

const OPERATIONS = ['create', 'update', 'delete', 'restore', 'consolidate', 'publish', 'expire'] as const;

/** What entries are asked for by: all of it must hold. */
export class AuditFilterQuery {
  /** Only entries after this position. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(0)
  after?: number;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(2048)
  stream?: string;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(128)
  type?: string;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  actor?: string;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  agent_id?: string;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  task_id?: string;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  session_id?: string;

  /** Whole segments of the memory's namespace. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  namespace_prefix?: string;

  @MayBeLeftOut()
  @IsIn(OPERATIONS)
  memory_operation?: (typeof OPERATIONS)[number];

  /** Id of the memory version that the entry made, deleted or restored. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  memory_entry_id?: number;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  correlation_id?: string;

  /** Earliest time, ISO-8601, inclusive. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  from?: string;

  /** Latest time, ISO-8601, inclusive. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  to?: string;
}

export class ListAuditEventsQuery extends IntersectionType(AuditFilterQuery, PageQuery) {
  @MayBeLeftOut()
  @IsIn(['asc', 'desc'])
  order: 'asc' | 'desc' = 'asc';
}

/** An export has the order of the log, and all of it that the filter lets through. */
export class ExportAuditQuery extends AuditFilterQuery {}

/** `after` is where to begin; by default with what comes next. `Last-Event-ID` goes before it. */
export class FeedQuery extends OmitType(AuditFilterQuery, ['from', 'to']) {}

export class VerifyBody {
  /** First position; 1 by default. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  from?: number;

  /** Last position; the head by default. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  to?: number;
}

export class ConsistencyQuery {
  /** Size of the smaller log: the position of its last entry. */
  @ApiProperty({ type: 'integer' })
  @IsInt()
  @Min(1)
  from!: number;

  /** Size of the larger log; that of the signed head by default. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  to?: number;
}

export class ConsistencyBody {
  @ApiProperty({ type: 'integer' })
  from!: number;
  @ApiProperty({ type: 'integer' })
  to!: number;
  /** Hashes in base64, as RFC 9162 orders them. */
  proof!: string[];
  /** The signed head of the log as it is now. */
  checkpoint!: string;
}

export class AuditEventBody {
  @ApiProperty({ type: 'integer' })
  position!: number;
  event_id!: string;
  stream!: string;
  @ApiProperty({ type: 'integer' })
  stream_version!: number;
  type!: string;
  @ApiProperty({ type: 'integer' })
  schema_version!: number;
  time!: string;
  actor!: string;
  agent_id!: string | null;
  task_id!: string | null;
  session_id!: string | null;
  memory_operation!: string | null;
  memory_namespace!: string | null;
  @ApiProperty({ type: 'integer', nullable: true })
  memory_entry_id!: number | null;
  correlation_id!: string;
  causation_id!: string | null;
  /** As it was written, in its schema version; `null` when it was erased. */
  @ApiProperty({ type: 'object', nullable: true, additionalProperties: true })
  data!: JsonObject | null;
  leaf_hash!: string;
  entry_hash!: string;
  previous_hash!: string;
}

export class AuditEventPage {
  items!: AuditEventBody[];
  next_cursor!: string | null;
}

export class HeadBody {
  @ApiProperty({ type: 'integer' })
  position!: number;
  entry_hash!: string;
  time!: string | null;
}

export class VerificationBody {
  ok!: boolean;
  @ApiProperty({ type: 'integer' })
  checked!: number;
  head!: HeadBody;
  /** First position that is not as it was written. */
  @ApiProperty({ type: 'integer' })
  broken_at?: number;
  reason?: string;
}
