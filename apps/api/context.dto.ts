import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsInt, IsString, Max, MaxLength, Min, MinLength } from 'class-validator';
import { CONTEXT_PARTS, type ContextPart } from '#assembly';
import type { JsonObject } from '#kernel';
import { TimeOrPosition } from './http/as-of.js';
import { MayBeLeftOut } from './http/optional.js';
import { PageQuery } from './http/page.dto.js';
import { ANY_OBJECT, nullable } from './http/schemas.js';
import { MemoryBody } from './memories.dto.js';
import { SessionBody } from './sessions.dto.js';
import { CheckpointBody, TaskBody, TaskStateBody } from './tasks.dto.js';

export class SynthesizeContextBody {
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  session_id!: string;

  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  task_id?: string;

  /**
   * What the agent is about to do: memories that answer it go first, and only such episodes are given. With a task, what
   * the task says, unless something else is said here.
   */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(10_000)
  query?: string;

  /** Most tokens that the prompt may have, as we count them: rather too many than too few. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  token_budget: number = 4000;

  /** A log position or an ISO-8601 time: the context as it would have been then. */
  @TimeOrPosition()
  as_of?: string | number;

  /** Remember what was given, so that it can be asked for by its id. */
  @MayBeLeftOut()
  @IsBoolean()
  record: boolean = true;
}

export class ContextTaskBody extends TaskBody {
  @ApiProperty(nullable(CheckpointBody))
  last_checkpoint!: CheckpointBody | null;
  /** What it keeps by key, the first hundred. */
  state!: TaskStateBody[];
}

export class ContextMemoryBody extends MemoryBody {
  /** How well it answers the query, 0 to 1; `null` when it is there without having been searched for. */
  score!: number | null;
}

export class ContextMemoriesBody {
  user!: ContextMemoryBody[];
  project!: ContextMemoryBody[];
  app!: ContextMemoryBody[];
  session!: ContextMemoryBody[];
}

export class ProvenanceBody {
  /** Line of the prompt, from 1. */
  @ApiProperty({ type: 'integer' })
  line!: number;
  @ApiProperty({ enum: CONTEXT_PARTS })
  part!: ContextPart;
  /** Log position of the event that made this version of the memory. */
  @ApiProperty({ type: 'integer', nullable: true })
  id!: number | null;
  namespace!: string | null;
  key!: string | null;
  @ApiProperty({ type: 'integer', nullable: true })
  version!: number | null;
  score!: number | null;
}

export class ShadowedByBody {
  @ApiProperty({ type: 'integer', nullable: true })
  id!: number | null;
  key!: string;
}

export class ShadowedBody {
  @ApiProperty({ enum: CONTEXT_PARTS })
  part!: ContextPart;
  key!: string;
  namespace!: string | null;
  @ApiProperty({ type: 'integer', nullable: true })
  id!: number | null;
  /** What is given in its place: a memory, or a state key. */
  by!: ShadowedByBody;
}

export class ContextNamespacesBody {
  session!: string | null;
  user!: string | null;
  app!: string | null;
  project!: string | null;
}

export class ContextBody {
  /** Ask `GET /v1/context/{id}` with it; `null` when nothing was recorded. */
  id!: string | null;
  /** Log position that all of this was read at. */
  @ApiProperty({ type: 'integer' })
  position!: number;
  /** By this time memories had expired or not. */
  moment!: string;
  /** There was a query, but only its words could be looked for. */
  degraded!: boolean;
  session!: SessionBody;
  @ApiProperty(nullable(ContextTaskBody))
  task!: ContextTaskBody | null;
  /** Facts by scope. */
  memories!: ContextMemoriesBody;
  episodes!: ContextMemoryBody[];
  procedures!: ContextMemoryBody[];
  prompt!: string;
  @ApiProperty({ type: 'integer' })
  token_count!: number;
  /** Where each record of the prompt is from. */
  provenance!: ProvenanceBody[];
  /** What has the same key as something of a scope that goes before it. */
  shadowed!: ShadowedBody[];
  /** How many records of each part were left out for lack of room. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  omitted!: Partial<Record<ContextPart, number>>;
  /** Where memories were looked for; `null`: a name that can be no segment of a namespace has none. */
  namespaces!: ContextNamespacesBody;
}

export class ContextLineBody {
  @ApiProperty({ enum: CONTEXT_PARTS })
  part!: ContextPart;
  @ApiProperty(ANY_OBJECT)
  record!: JsonObject;
}

export class ChangedLineBody {
  @ApiProperty({ enum: CONTEXT_PARTS })
  part!: ContextPart;
  @ApiProperty(ANY_OBJECT)
  before!: JsonObject;
  @ApiProperty(ANY_OBJECT)
  after!: JsonObject;
}

export class ContextDifferenceBody {
  /** Log position of now. */
  @ApiProperty({ type: 'integer' })
  position!: number;
  added!: ContextLineBody[];
  changed!: ChangedLineBody[];
  gone!: ContextLineBody[];
}

export class ContextSummaryBody {
  id!: string;
  session_id!: string;
  task_id!: string | null;
  query!: string | null;
  @ApiProperty({ type: 'integer' })
  token_budget!: number;
  /** The past that was asked for. */
  @ApiProperty({ type: 'integer', nullable: true })
  as_of!: number | null;
  @ApiProperty({ type: 'integer' })
  position!: number;
  @ApiProperty({ type: 'integer' })
  token_count!: number;
  prompt_sha256!: string;
  created_by!: string;
  created_at!: string;
}

/** A context as it was given, and what the same request would be given now. */
export class GivenContextBody extends ContextBody {
  task_id!: string | null;
  query!: string | null;
  @ApiProperty({ type: 'integer' })
  token_budget!: number;
  /** The past that was asked for. */
  @ApiProperty({ type: 'integer', nullable: true })
  as_of!: number | null;
  created_by!: string;
  created_at!: string;
  prompt_sha256!: string;
  /** Whether the prompt is byte for byte what was given: its hash stands in the log. */
  intact!: boolean;
  difference!: ContextDifferenceBody;
}

export class ContextPage {
  items!: ContextSummaryBody[];
  next_cursor!: string | null;
}

export class ListContextsQuery extends PageQuery {
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  session_id?: string;

  /** Contexts that were given this version of a memory, by its `id`. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  memory_id?: number;
}
