import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateNested,
} from 'class-validator';
import type { Json, JsonObject } from '#kernel';
import { MAX_DEPENDENCIES, TASK_STATUSES, type TaskStatus } from '#work';
import { ANY_OBJECT, ANY_VALUE, nullable } from './http/schemas.js';
import { PageQuery } from './http/page.dto.js';
import { MayBeLeftOut, MustBeSent } from './http/optional.js';

/** The version of a procedural memory that a task goes by. */
export class ProcedureBody {
  @IsString()
  @MinLength(1)
  @MaxLength(512)
  namespace!: string;

  @IsString()
  @MinLength(1)
  @MaxLength(256)
  key!: string;

  @ApiProperty({ type: 'integer' })
  @IsInt()
  @Min(1)
  version!: number;
}

export class SubmitTaskBody {
  /** Your own id; a UUID is made when there is none. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  task_id?: string;

  /** What is to be done. */
  @IsString()
  @MinLength(1)
  @MaxLength(100_000)
  prompt!: string;

  /** Which kind of agent it is for. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(128)
  agent_type: string = 'general';

  /** 1 goes first, 10 last. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(10)
  priority: number = 5;

  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  input_data?: JsonObject;

  /** How often it goes back to pending after a failure. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(0)
  @Max(10)
  max_retries: number = 3;

  /** How long it may run from each start; what takes longer is retried or failed. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(604_800)
  max_execution_timeout_seconds: number = 3600;

  /** The task that it is a part of. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  parent_task_id?: string | null;

  /** Tasks that must be completed before this one can be claimed. They exist, so no circle can close. */
  @MayBeLeftOut()
  @IsArray()
  @ArrayMaxSize(MAX_DEPENDENCIES)
  @IsString({ each: true })
  @MinLength(1, { each: true })
  @MaxLength(256, { each: true })
  @ApiProperty({ type: 'array', maxItems: MAX_DEPENDENCIES, items: { type: 'string', minLength: 1, maxLength: 256 } })
  dependencies?: string[];

  /** Session that it belongs to; it must exist. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  session_id?: string | null;

  /** Version of a procedural memory that it goes by; its outcome counts for that version. */
  @MayBeLeftOut()
  @IsObject()
  @ValidateNested()
  @Type(() => ProcedureBody)
  procedure?: ProcedureBody;

  /** Where its outcome is remembered: by default with its session, else in `app:abathur:outcomes`. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(512)
  outcome_namespace?: string;

  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  created_by?: string;
}

export class ClaimTaskBody {
  /** Only tasks for this kind of agent. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(128)
  agent_type?: string;

  /** Who claims: your own name, whether it is registered or not. */
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  agent_id!: string;
}

export class ChangeTaskStatusBody {
  /** A task that failed with retries left goes back to `pending`; nobody else can send it there. */
  @IsIn(TASK_STATUSES)
  status!: TaskStatus;

  /** With `completed`. */
  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  result_data?: JsonObject;

  /** With `failed` or `cancelled`. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(10_000)
  error_message?: string;

  /** With `failed`: whether it may be tried again; yes by default. */
  @MayBeLeftOut()
  @IsBoolean()
  retry?: boolean;

  /** Who says so; refused when the task was given to somebody else. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  agent_id?: string;

  /** With `completed` or `failed`: the version of a procedural memory that it went by. */
  @MayBeLeftOut()
  @IsObject()
  @ValidateNested()
  @Type(() => ProcedureBody)
  procedure?: ProcedureBody;
}

export class GetTaskQuery {
  /** A log position or an ISO-8601 time: as it was then. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class ListTasksQuery extends PageQuery {
  @MayBeLeftOut()
  @IsIn(TASK_STATUSES)
  status?: TaskStatus;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(128)
  agent_type?: string;

  /** Who has claimed it. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  agent_id?: string;

  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(10)
  priority?: number;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  session_id?: string;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  parent_task_id?: string;

  /** A log position or an ISO-8601 time: as they were then. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class WriteCheckpointBody {
  /** Whatever is needed to go on from here. */
  @ApiProperty(ANY_OBJECT)
  @IsObject()
  state!: JsonObject;
}

export class SetTaskStateBody {
  /** Any JSON value; `null` is a value, too. */
  @ApiProperty(ANY_VALUE)
  @MustBeSent()
  value!: Json;
}

export class ListProgressQuery extends PageQuery {
  /** A log position or an ISO-8601 time: as they were then. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class TaskBody {
  task_id!: string;
  prompt!: string;
  agent_type!: string;
  @ApiProperty({ type: 'integer' })
  priority!: number;
  @ApiProperty({ enum: TASK_STATUSES })
  status!: TaskStatus;
  @ApiProperty(ANY_OBJECT)
  input_data!: JsonObject;
  @ApiProperty({ anyOf: [ANY_OBJECT, { type: 'null' as never }] })
  result_data!: JsonObject | null;
  error_message!: string | null;
  @ApiProperty({ type: 'integer' })
  retry_count!: number;
  @ApiProperty({ type: 'integer' })
  max_retries!: number;
  @ApiProperty({ type: 'integer' })
  max_execution_timeout_seconds!: number;
  parent_task_id!: string | null;
  dependencies!: string[];
  /** How many of its dependencies are not completed; it can be claimed when there are none. */
  @ApiProperty({ type: 'integer' })
  open_dependencies!: number;
  session_id!: string | null;
  /** Who has claimed it. */
  agent_id!: string | null;
  @ApiProperty(nullable(ProcedureBody))
  procedure!: ProcedureBody | null;
  outcome_namespace!: string | null;
  created_by!: string;
  submitted_at!: string;
  /** When the attempt under way began, or the one that ended it. */
  started_at!: string | null;
  /** While it runs: when it is stale. */
  timeout_at!: string | null;
  /** When it was completed, failed for good or was cancelled. */
  completed_at!: string | null;
  last_updated_at!: string;
  @ApiProperty({ type: 'integer' })
  version!: number;
}

export class TaskPage {
  items!: TaskBody[];
  next_cursor!: string | null;
}

export class CheckpointBody {
  task_id!: string;
  @ApiProperty({ type: 'integer' })
  iteration!: number;
  @ApiProperty(ANY_OBJECT)
  state!: JsonObject;
  /** The task's. */
  session_id!: string | null;
  created_by!: string;
  created_at!: string;
  @ApiProperty({ type: 'integer' })
  version!: number;
}

export class CheckpointPage {
  items!: CheckpointBody[];
  next_cursor!: string | null;
}

export class TaskStateBody {
  task_id!: string;
  key!: string;
  @ApiProperty(ANY_VALUE)
  value!: Json;
  updated_by!: string;
  updated_at!: string;
  @ApiProperty({ type: 'integer' })
  version!: number;
}

export class TaskStatePage {
  items!: TaskStateBody[];
  next_cursor!: string | null;
}
