import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsString, MaxLength } from 'class-validator';
import { MEMORY_TYPES, type MemoryType } from '#memories';
import { TimeOrPosition } from './http/as-of.js';
import { MayBeLeftOut } from './http/optional.js';
import { SearchQueryBody } from './http/search-query.dto.js';
import { MemoryBody } from './memories.dto.js';

/** What a search of memories asks for, alone or in a batch. */
export class SearchFields extends SearchQueryBody {
  /** Whole segments: `user:al` does not match `user:alice`. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  namespace_prefix?: string;

  @MayBeLeftOut()
  @IsIn(MEMORY_TYPES)
  memory_type?: MemoryType;
}

export class SearchMemoriesBody extends SearchFields {
  /** Also what is in quarantine: for who looks into it. */
  @MayBeLeftOut()
  @IsBoolean()
  include_quarantined: boolean = false;

  /** A log position or an ISO-8601 time: what would have been found then. */
  @TimeOrPosition()
  as_of?: string | number;
}

export class LentScore {
  fromBefore!: number;
  fromAfter!: number;
  fromSession!: number;
}

export class ScoreDetailsBody {
  /** Share of the query's words that the text has; `null` when words did not find it. */
  @ApiProperty({ type: 'number', nullable: true })
  words!: number | null;
  /** Nearness in meaning; `null` when meaning did not find it. */
  @ApiProperty({ type: 'number', nullable: true })
  meaning!: number | null;
  /** Terms of the query that were found. */
  matched!: string[];
  /** The score before neighbours lent theirs. */
  own!: number;
  /** What the texts before and after it, and its session, lent. */
  lent!: LentScore;
}

export class MemoryHitBody extends MemoryBody {
  /** 0 to 1, higher is better. */
  score!: number;
  score_details?: ScoreDetailsBody;
}

export class SearchMemoriesResult {
  search_id!: string;
  @ApiProperty({ enum: ['hybrid', 'semantic', 'keyword'] })
  mode!: 'hybrid' | 'semantic' | 'keyword';
  /** Meaning was asked for, but could not be told: words alone answered. */
  degraded!: boolean;
  results!: MemoryHitBody[];
}
