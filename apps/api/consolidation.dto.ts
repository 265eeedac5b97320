import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsObject, IsString, Max, MaxLength, Min } from 'class-validator';
import type { JsonObject } from '#kernel';
import { CONFLICT_KINDS, MEMORY_TYPES, STRATEGIES, type ConflictKind, type MemoryType, type Strategy } from '#memories';
import { MayBeLeftOut } from './http/optional.js';
import { PageQuery } from './http/page.dto.js';
import { ANY_OBJECT, nullable } from './http/schemas.js';
import { MemoryOrigin } from './memories.dto.js';

export class ConsolidateMemoriesBody {
  /** Whole segments. Of a user, for instance `user:alice`, also what this user's sessions hold. */
  @IsString()
  @MaxLength(512)
  namespace_prefix!: string;

  /**
   * `last_write_wins`: the newest content. `merge`: every field, the newest winning. `llm`: a model decides; when it cannot,
   * the conflict is flagged. `manual`: flag all of them.
   */
  @IsIn(STRATEGIES)
  strategy!: Strategy;

  /** Only tell what would be done. */
  @MayBeLeftOut()
  @IsBoolean()
  dry_run: boolean = false;
}

/** Days that a memory has not been written for. */
const MAX_DAYS = 36_500;

export class SummariseEpisodesBody {
  /** Whole segments; without it, everything. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  namespace_prefix?: string;

  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(MAX_DAYS)
  older_than_days: number = 30;

  /** Have the model write the summaries; by default they are put together by rule. */
  @MayBeLeftOut()
  @IsBoolean()
  llm: boolean = false;

  /** Only tell what would be done. */
  @MayBeLeftOut()
  @IsBoolean()
  dry_run: boolean = false;
}

export class ArchiveMemoriesBody {
  /** Whole segments; without it, everything. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  namespace_prefix?: string;

  @MayBeLeftOut()
  @IsIn(MEMORY_TYPES)
  memory_type: MemoryType = 'episodic';

  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(MAX_DAYS)
  older_than_days: number = 180;

  /** Only tell what would be done. */
  @MayBeLeftOut()
  @IsBoolean()
  dry_run: boolean = false;
}

export class ListConflictsQuery extends PageQuery {
  /** Whole segments. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  namespace_prefix?: string;

  @MayBeLeftOut()
  @IsIn(['open', 'resolved'])
  status?: 'open' | 'resolved';

  @MayBeLeftOut()
  @IsIn(CONFLICT_KINDS)
  kind?: ConflictKind;
}

const RESOLUTIONS = [...STRATEGIES, 'keep_all'] as const;

export class ResolveConflictBody {
  /** As for consolidation; `manual` takes `value`, and `keep_all` says that this is no conflict. */
  @IsIn(RESOLUTIONS)
  strategy!: (typeof RESOLUTIONS)[number];

  /** With `manual`: what the memory holds from now on. */
  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  value?: JsonObject;
}

export class ConflictBody {
  /** Follows from its members: the same conflict has the same id, whoever finds it. */
  id!: string;
  @ApiProperty({ enum: CONFLICT_KINDS })
  kind!: ConflictKind;
  @ApiProperty({ enum: ['open', 'resolved'] })
  status!: 'open' | 'resolved';
  /** Whose memories they are. */
  namespace!: string;
  /** Newest first. */
  members!: MemoryOrigin[];
  reason!: string;
  /** How it was resolved; `outdated`: a member has changed since. */
  @ApiProperty({ type: 'string', enum: [...RESOLUTIONS, 'outdated', null], nullable: true })
  strategy!: string | null;
  /** The version that says it now. */
  @ApiProperty(nullable(MemoryOrigin))
  result!: MemoryOrigin | null;
  detected_at!: string;
  resolved_at!: string | null;
  resolved_by!: string | null;
}

export class ConflictPage {
  items!: ConflictBody[];
  next_cursor!: string | null;
}
