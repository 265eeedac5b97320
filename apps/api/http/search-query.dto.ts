import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsString,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateNested,
} from 'class-validator';
import type { JsonObject } from '#kernel';
import { MayBeLeftOut } from './optional.js';
import { ANY_OBJECT } from './schemas.js';

export class SearchWeights {
  @MayBeLeftOut()
  @IsNumber()
  @Min(0)
  @Max(1)
  semantic: number = 0.7;

  @MayBeLeftOut()
  @IsNumber()
  @Min(0)
  @Max(1)
  keyword: number = 0.3;
}

/** What every search asks for, whatever it looks in. */
export class SearchQueryBody {
  @IsString()
  @MinLength(1)
  @MaxLength(10_000)
  query!: string;

  @MayBeLeftOut()
  @IsIn(['hybrid', 'semantic', 'keyword'])
  mode: 'hybrid' | 'semantic' | 'keyword' = 'hybrid';

  /** How the halves of a hybrid search are joined: their scores by weights, or their ranks. */
  @MayBeLeftOut()
  @IsIn(['weighted', 'rrf'])
  fusion: 'weighted' | 'rrf' = 'weighted';

  /** As in lists. */
  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  filter?: JsonObject;

  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(100)
  limit: number = 10;

  /** Smallest score of a result, 0 to 1. */
  @MayBeLeftOut()
  @IsNumber()
  @Min(0)
  @Max(1)
  threshold: number = 0;

  @MayBeLeftOut()
  @IsObject()
  @ValidateNested()
  @Type(() => SearchWeights)
  weights?: SearchWeights;

  /** Say how each score came about. */
  @MayBeLeftOut()
  @IsBoolean()
  explain: boolean = false;
}
