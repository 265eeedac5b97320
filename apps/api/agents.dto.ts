import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsObject, IsOptional, IsString, MaxLength, MinLength } from 'class-validator';
import type { JsonObject } from '#kernel';
import { AGENT_STATES, type AgentState } from '#work';
import { ANY_OBJECT } from './http/schemas.js';
import { PageQuery } from './http/page.dto.js';
import { MayBeLeftOut } from './http/optional.js';

export class RegisterAgentBody {
  /** Your own id; a UUID is made when there is none. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  agent_id?: string;

  @IsString()
  @MinLength(1)
  @MaxLength(256)
  name!: string;

  /** What it is good at. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  specialization?: string | null;

  /** The language model that it runs on. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  model?: string | null;

  @MayBeLeftOut()
  @IsIn(AGENT_STATES)
  state: AgentState = 'idle';

  /** Task that it works on; it must exist. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  task_id?: string | null;

  /** Session that it belongs to; it must exist. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  session_id?: string | null;

  /** What it has used so far, for instance tokens and seconds. */
  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  resource_usage?: JsonObject;
}

export class ChangeAgentStateBody {
  /** From `terminated` nothing leads back. */
  @IsIn(AGENT_STATES)
  state!: AgentState;

  /** What is left out stays as it is; `null`: it works on nothing. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  task_id?: string | null;

  /** Takes the place of what was there; what is left out stays as it is. */
  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  resource_usage?: JsonObject;
}

export class GetAgentQuery {
  /** A log position or an ISO-8601 time: as it was then. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class ListAgentsQuery extends PageQuery {
  @MayBeLeftOut()
  @IsIn(AGENT_STATES)
  state?: AgentState;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  task_id?: string;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  session_id?: string;
}

export class AgentBody {
  agent_id!: string;
  name!: string;
  specialization!: string | null;
  model!: string | null;
  @ApiProperty({ enum: AGENT_STATES })
  state!: AgentState;
  task_id!: string | null;
  session_id!: string | null;
  @ApiProperty(ANY_OBJECT)
  resource_usage!: JsonObject;
  spawned_at!: string;
  terminated_at!: string | null;
  last_updated_at!: string;
  @ApiProperty({ type: 'integer' })
  version!: number;
}

export class AgentPage {
  items!: AgentBody[];
  next_cursor!: string | null;
}
