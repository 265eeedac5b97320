import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsObject,
  IsString,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateNested,
} from 'class-validator';
import type { JsonObject } from '#kernel';
import { ANY_OBJECT } from './http/schemas.js';
import { MayBeLeftOut } from './http/optional.js';
import { MemoryBody } from './memories.dto.js';

export class EpisodeBody {
  @IsString()
  @MinLength(1)
  @MaxLength(512)
  namespace!: string;

  @IsString()
  @MinLength(1)
  @MaxLength(256)
  key!: string;

  /** The newest by default. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  version?: number;
}

export class RefineProcedureBody {
  /** The procedure as it is from now on. */
  @ApiProperty(ANY_OBJECT)
  @IsObject()
  value!: JsonObject;

  /** Added to what it has. */
  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  metadata?: JsonObject;

  /** What it was learnt from; they exist, and are kept as `metadata.learned_from`. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @ValidateNested({ each: true })
  @Type(() => EpisodeBody)
  @ApiProperty({ type: () => [EpisodeBody], minItems: 1, maxItems: 100 })
  episodes!: EpisodeBody[];

  /** Why, in words; kept as `metadata.reason`. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(2_048)
  reason?: string;
}

export class RollBackProcedureBody {
  /** Only say what would be done. */
  @MayBeLeftOut()
  @IsBoolean()
  dry_run: boolean = false;

  /** A version is judged only when it has ended so many tasks. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(1_000)
  min_outcomes: number = 3;
}

export class VersionOutcomes {
  @ApiProperty({ type: 'integer' })
  version!: number;
  /** Tasks that went by this version and were completed. */
  @ApiProperty({ type: 'integer' })
  completed!: number;
  /** Tasks that went by this version and failed for good. */
  @ApiProperty({ type: 'integer' })
  failed!: number;
  /** Share of completed ones, 0 to 1; `null` while none has ended. */
  success_rate!: number | null;
}

export class ProcedureOutcomesBody {
  namespace!: string;
  key!: string;
  @ApiProperty({ type: 'integer' })
  current_version!: number;
  /** Versions that tasks went by, newest first. */
  versions!: VersionOutcomes[];
}

export class RollbackBody {
  rolled_back!: boolean;
  @ApiProperty({ type: 'integer' })
  from_version!: number;
  /** The version that did better; `null` when none did. */
  @ApiProperty({ type: ['integer', 'null'] as never })
  to_version!: number | null;
  explanation!: string;
  versions!: VersionOutcomes[];
  /** The procedure as it is now. */
  memory!: MemoryBody;
}
