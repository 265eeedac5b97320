import { ApiProperty } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

/** The query of every list. */
export class PageQuery {
  /** Items per page. */
  @ApiProperty({ type: 'integer' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(1000)
  limit: number = 50;

  /** `next_cursor` of the page before; opaque. */
  @IsOptional()
  @IsString()
  @MaxLength(2048)
  cursor?: string;
}
