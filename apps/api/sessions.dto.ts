import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
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
import {
  EVENT_TYPES,
  SESSION_STATUSES,
  STATE_SCOPES,
  type SessionEventType,
  type SessionStatus,
  type StateDelta,
  type StateScope,
} from '#sessions';
import { ANY_OBJECT, ANY_VALUE, nullable } from './http/schemas.js';
import { PageQuery } from './http/page.dto.js';
import { MayBeLeftOut, MustBeSent } from './http/optional.js';

export class CreateSessionBody {
  /** Your own id; a UUID is made when there is none. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  session_id?: string;

  @IsString()
  @MinLength(1)
  @MaxLength(128)
  app_name!: string;

  @IsString()
  @MinLength(1)
  @MaxLength(128)
  user_id!: string;

  @IsOptional()
  @IsString()
  @MinLength(1)
  @MaxLength(128)
  project_id?: string | null;

  /** Keys carry their scope: `temp:`, `session:`, `user:`, `app:`, `project:`; without a prefix they are the session's. */
  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  initial_state?: StateDelta;

  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  metadata?: JsonObject;
}

export class AppendEventBody {
  /** Your own id of the event; the same id again is answered as the first time. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  event_id?: string;

  /** ISO-8601 with a zone; the time of the request by default. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  timestamp?: string;

  @IsIn(EVENT_TYPES)
  event_type!: SessionEventType;

  /** `user`, `agent:<id>` or `system`. */
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  actor!: string;

  @ApiProperty(ANY_OBJECT)
  @IsObject()
  content!: JsonObject;

  @ApiProperty(ANY_OBJECT)
  @MayBeLeftOut()
  @IsObject()
  state_delta?: StateDelta;

  @MayBeLeftOut()
  @IsBoolean()
  is_final_response: boolean = false;
}

export class AppendEventsBody {
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1000)
  @ValidateNested({ each: true })
  @Type(() => AppendEventBody)
  @ApiProperty({ type: () => [AppendEventBody], minItems: 1, maxItems: 1000 })
  events!: AppendEventBody[];
}

export class ChangeStatusBody {
  @IsIn(SESSION_STATUSES)
  status!: SessionStatus;
}

export class SetStateBody {
  /** Any JSON value; `null` is a value, too. */
  @ApiProperty(ANY_VALUE)
  @MustBeSent()
  value!: Json;
}

export class ForkSessionBody {
  /** The fork begins with everything up to this version; the newest by default. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(1)
  at_version?: number;

  /** Id of the fork. */
  @MayBeLeftOut()
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  session_id?: string;
}

export class GetSessionQuery {
  /** The newest so many events; 0 means none. */
  @ApiProperty({ type: 'integer' })
  @MayBeLeftOut()
  @IsInt()
  @Min(0)
  @Max(1000)
  num_recent_events: number = 100;

  /** Only events of this time or later. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  after_timestamp?: string;

  /** A log position or an ISO-8601 time: the session as it was then. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class AsOfQuery {
  /** A log position or an ISO-8601 time. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class StateEntryQuery extends AsOfQuery {
  /** Look the bare name up in temp, session, user, app and project, in this order. */
  @MayBeLeftOut()
  @IsBoolean()
  resolve: boolean = false;
}

export class ListSessionsQuery extends PageQuery {
  @MayBeLeftOut()
  @IsString()
  @MaxLength(128)
  app_name?: string;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(128)
  user_id?: string;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(128)
  project_id?: string;

  @MayBeLeftOut()
  @IsIn(SESSION_STATUSES)
  status?: SessionStatus;
}

export class ListSessionEventsQuery extends PageQuery {
  @MayBeLeftOut()
  @IsIn(['asc', 'desc'])
  order: 'asc' | 'desc' = 'asc';

  @MayBeLeftOut()
  @IsIn(EVENT_TYPES)
  event_type?: SessionEventType;

  @MayBeLeftOut()
  @IsString()
  @MaxLength(256)
  actor?: string;

  /** A log position or an ISO-8601 time. */
  @MayBeLeftOut()
  @IsString()
  @MaxLength(40)
  as_of?: string;
}

export class ForkOrigin {
  session_id!: string;
  @ApiProperty({ type: 'integer' })
  version!: number;
}

export class SessionSummary {
  session_id!: string;
  app_name!: string;
  user_id!: string;
  project_id!: string | null;
  @ApiProperty({ enum: SESSION_STATUSES })
  status!: SessionStatus;
  @ApiProperty(ANY_OBJECT)
  metadata!: JsonObject;
  /** Where it was forked from. */
  @ApiProperty(nullable(ForkOrigin))
  forked_from!: ForkOrigin | null;
  created_at!: string;
  last_update_time!: string;
  terminated_at!: string | null;
  archived_at!: string | null;
  @ApiProperty({ type: 'integer' })
  event_count!: number;
  @ApiProperty({ type: 'integer' })
  version!: number;
}

export class SessionBody extends SessionSummary {
  /** Merged view: the session's own keys and those that user, app and project share with it. */
  @ApiProperty(ANY_OBJECT)
  state!: StateDelta;
}

export class SessionEventBody {
  event_id!: string;
  timestamp!: string;
  @ApiProperty({ enum: EVENT_TYPES })
  event_type!: SessionEventType;
  actor!: string;
  @ApiProperty(ANY_OBJECT)
  content!: JsonObject;
  @ApiProperty(ANY_OBJECT)
  state_delta?: StateDelta;
  is_final_response!: boolean;
  @ApiProperty({ type: 'integer' })
  version!: number;
  @ApiProperty({ type: 'integer' })
  position!: number;
}

export class SessionWithEventsBody extends SessionBody {
  /** Oldest first. */
  events!: SessionEventBody[];
}

export class SessionPage {
  items!: SessionSummary[];
  next_cursor!: string | null;
}

export class SessionEventPage {
  items!: SessionEventBody[];
  next_cursor!: string | null;
}

export class AppendedEventBody {
  event_id!: string;
  @ApiProperty({ type: 'integer' })
  version!: number;
  @ApiProperty({ type: 'integer' })
  position!: number;
  /** After a state delta: the merged state as of this event, with the turn's `temp:` keys. */
  @ApiProperty(ANY_OBJECT)
  state?: StateDelta;
}

export class AppendedEventsBody {
  events!: AppendedEventBody[];
}

export class StateBody {
  @ApiProperty(ANY_OBJECT)
  state!: StateDelta;
}

export class StateEntryBody {
  key!: string;
  @ApiProperty(ANY_VALUE)
  value!: Json;
  @ApiProperty({ enum: STATE_SCOPES })
  scope!: StateScope;
}

export class StateWrittenBody {
  key!: string;
  @ApiProperty(ANY_VALUE)
  value!: Json;
  @ApiProperty({ type: 'integer' })
  version!: number;
}
