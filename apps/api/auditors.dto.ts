import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsString, MaxLength } from 'class-validator';
import { ANY_VALUE } from './http/schemas.js';
import { MayBeLeftOut } from './http/optional.js';
import { PageQuery } from './http/page.dto.js';

export class DiffQuery extends PageQuery {
  /** A log position or an ISO-8601 time: what there was then is the one side. */
  @IsString()
  @MaxLength(40)
  from!: string;

  /** A log position or an ISO-8601 time, not before `from`: what there was then is the other side. */
  @IsString()
  @MaxLength(40)
  to!: string;

  /** Only memories in this namespace and below it, by whole segments. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(512)
  namespace_prefix?: string;

  /** Only this session. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  session_id?: string;
}

/** What something is about: a memory, a session, a task … */
export class ThingBody {
  kind!: string;
  namespace?: string;
  key?: string;
  session_id?: string;
  task_id?: string;
  agent_id?: string;
  file_path?: string;
  id?: string;
}

export class ChangePatchBody {
  @ApiProperty({ enum: ['add', 'remove', 'replace', 'move', 'copy', 'test'] })
  op!: string;
  /** JSON Pointer into the thing; the whole of it where it was created or deleted. */
  path!: string;
  from?: string;
  @ApiProperty(ANY_VALUE)
  value?: unknown;
}

export class ChangeBody extends ThingBody {
  @ApiProperty({ enum: ['created', 'changed', 'deleted'] })
  change!: string;
  @ApiProperty({ type: 'integer', nullable: true })
  from_version!: number | null;
  @ApiProperty({ type: 'integer', nullable: true })
  to_version!: number | null;
  /** RFC 6902: what turns what was into what is. */
  patch!: ChangePatchBody[];
  /** The first entry after `from` that concerns it. */
  @ApiProperty({ type: 'integer' })
  position!: number;
}

export class DiffBody {
  @ApiProperty({ type: 'integer' })
  from!: number;
  @ApiProperty({ type: 'integer' })
  to!: number;
  items!: ChangeBody[];
  next_cursor!: string | null;
}

export class LifeEventBody {
  @ApiProperty({ type: 'integer' })
  position!: number;
  @ApiProperty({ type: 'integer' })
  stream_version!: number;
  type!: string;
  time!: string;
  actor!: string;
  agent_id!: string | null;
  task_id!: string | null;
  session_id!: string | null;
  memory_operation!: string | null;
  /** What it was part of: its correlation id; told to auditors and operators. */
  operation!: string | null;
  causation_id!: string | null;
}

export class LinkBody extends ThingBody {
  /** `published_from`, `restored_from`, `written_in_session` … */
  relation!: string;
  /** Links between it and the memory that was asked about: 1 is next to it. */
  @ApiProperty({ type: 'integer' })
  depth!: number;
  /** The stream of the nearer end. */
  of!: string;
  /** The stream of the farther end. */
  stream!: string;
  /** The version of it that is meant, where one is. */
  @ApiProperty({ type: 'integer', nullable: true })
  version!: number | null;
  /** The entry that is meant, where one is. */
  @ApiProperty({ type: 'integer', nullable: true })
  position!: number | null;
  /** The entry that says so. */
  @ApiProperty({ type: 'integer' })
  said_at!: number;
  /** What that entry was part of; told to auditors and operators. */
  operation!: string | null;
}

export class WhyBody {
  stream!: string;
  /** Newest first. */
  events!: LifeEventBody[];
  /** What it was made of, and that of what, nearest first. */
  came_from!: LinkBody[];
  /** What was made of it, and of that, nearest first. */
  led_to!: LinkBody[];
  /** There is more than was followed. */
  truncated!: boolean;
}

export class RevertBody {
  /** Say what would happen, and write nothing. */
  @MayBeLeftOut()
  @IsBoolean()
  dry_run?: boolean;
}

export class DependentBody {
  @ApiProperty({ type: 'integer' })
  position!: number;
  type!: string;
  stream!: string;
  correlation_id!: string;
}

export class RevertedBody {
  @ApiProperty({ type: 'integer' })
  position!: number;
  type!: string;
  stream!: string;
  /** What becomes of it, or why nothing does. */
  what!: string;
}

export class RefusedBody extends RevertedBody {
  /** What was written since, and would be lost. */
  because!: DependentBody[];
}

export class RevertResultBody {
  operation!: string;
  dry_run!: boolean;
  /** The correlation id under which it is taken back; `null` when nothing is. */
  reverted_by!: string | null;
  /** It had been taken back before. */
  already!: boolean;
  /** New events. */
  @ApiProperty({ type: 'integer' })
  events!: number;
  taken_back!: RevertedBody[];
  /** What stays, and why that is right. */
  kept!: RevertedBody[];
  /** What stands in the way; told by a dry run, refused with 409 otherwise. */
  refused!: RefusedBody[];
}
