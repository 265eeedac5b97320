import { ApiProperty } from '@nestjs/swagger';
import { IsInt, IsString, Max, MaxLength, Min } from 'class-validator';
import { MayBeLeftOut } from './optional.js';

/** The query of every list. */
export class PageQuery {
  /** Items per page. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(1000)
  limit: number = 50;

  /** `next_cursor` of the page before; opaque. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(2048)
  cursor?: string;
}
