import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsString, MaxLength, MinLength } from 'class-validator';
import { MayBeLeftOut } from './http/optional.js';
import { PageQuery } from './http/page.dto.js';

/** At least one of the sources; of several, what comes from all of them. */
export class QuarantineBody {
  /** What was written in it, or to its namespace. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  session_id?: string;

  /** The id of an agent, or an actor as the log names it. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  agent?: string;

  /** The id of an API key. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  key?: string;

  /** ISO-8601, inclusive. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  from?: string;

  /** ISO-8601, inclusive; left out, also what is still to come. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  to?: string;

  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  correlation_id?: string;

  @IsString()
  @MinLength(1)
  @MaxLength(1000)
  reason!: string;
}

export class ListQuarantinesQuery extends PageQuery {
  /** Only those that stand. */
  @MayBeLeftOut()
  @IsBoolean()
  standing: boolean = false;
}

export class QuarantineSourceBody {
  session_id?: string;
  actor?: string;
  key?: string;
  from?: string;
  to?: string;
  correlation_id?: string;
}

export class QuarantineView {
  id!: string;
  source!: QuarantineSourceBody;
  reason!: string;
  imposed_by!: string;
  imposed_at!: string;
  lifted_by!: string | null;
  /** `null`: it stands, also for what is written from now on. */
  lifted_at!: string | null;
  /** Versions of memories that are, or were, in it. */
  @ApiProperty({ type: 'integer' })
  memories!: number;
}

export class QuarantinePage {
  items!: QuarantineView[];
  next_cursor!: string | null;
}

export class TaintedContextBody {
  id!: string;
  session_id!: string;
  task_id!: string | null;
  created_by!: string;
  created_at!: string;
  /** Ids of the versions that it was given. */
  @ApiProperty({ type: 'array', items: { type: 'integer' } })
  memory_ids!: number[];
}

export class TaintedContextPage {
  items!: TaintedContextBody[];
  next_cursor!: string | null;
}
