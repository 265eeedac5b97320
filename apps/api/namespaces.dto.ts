import { ApiProperty } from '@nestjs/swagger';
import { IsInt, IsString, Max, MaxLength, Min } from 'class-validator';
import { MayBeLeftOut } from './http/optional.js';
import { PageQuery } from './http/page.dto.js';

export class ListNamespacesQuery extends PageQuery {
  /** Whole segments; `*` is any one segment. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  prefix?: string;

  /** Whole segments; `*` is any one segment. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  suffix?: string;

  /** Namespaces are cut to this many segments, and counted together. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(64)
  max_depth?: number;

  /** A log position or an ISO-8601 time: what there was then. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class NamespaceBody {
  namespace!: string;
  @ApiProperty({ type: 'integer' })
  count!: number;
}

export class NamespacePage {
  items!: NamespaceBody[];
  next_cursor!: string | null;
}
