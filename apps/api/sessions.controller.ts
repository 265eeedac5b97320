import { randomUUID } from 'node:crypto';
import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiBody, ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isoTime, type Written } from '#audit-log';
import { identifier, memoryKey, type Caller, type Json, type Page } from '#kernel';
import type {
  NewSessionEvent,
  Session,
  SessionEventView,
  SessionWithEvents,
  SessionWithState,
  StateEntry,
} from '#sessions';
import {
  AppendEvents,
  ChangeSessionStatus,
  CreateSession,
  DeleteSession,
  ForkSession,
  GetSession,
  GetSessionState,
  GetStateEntry,
  ListSessionEvents,
  ListSessions,
  SetSessionState,
  type AppendedEvent,
} from '#sessions/module';
import { By } from './http/caller.js';
import { answerRead, answerWrite } from './http/written.js';
import {
  AppendedEventBody,
  AppendedEventsBody,
  AppendEventBody,
  AppendEventsBody,
  AsOfQuery,
  ChangeStatusBody,
  CreateSessionBody,
  ForkSessionBody,
  GetSessionQuery,
  ListSessionEventsQuery,
  ListSessionsQuery,
  SessionBody,
  SessionEventPage,
  SessionPage,
  SessionWithEventsBody,
  SetStateBody,
  StateBody,
  StateEntryBody,
  StateEntryQuery,
  StateWrittenBody,
} from './sessions.dto.js';

@ApiTags('Sessions')
@Controller('v1/sessions')
export class SessionsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
  ) {}

  /** Opens a session. */
  @Post()
  @HttpCode(201)
  async create(
    @By() by: Caller,
    @Body() body: CreateSessionBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionBody> {
    const { session_id = randomUUID(), app_name, user_id, project_id = null, initial_state = {}, metadata = {} } = body;
    const input = {
      session_id: identifier(session_id, 'session_id'),
      app_name: identifier(app_name, 'app_name'),
      user_id: identifier(user_id, 'user_id'),
      project_id: project_id === null ? null : identifier(project_id, 'project_id'),
      state: initial_state,
      metadata,
    };
    const written: Written<SessionWithState> = await this.commands.execute(new CreateSession(by, input));
    return answerSession(reply, written, 201);
  }

  /** Sessions without their events, newest update first. */
  @Get()
  async list(@By() by: Caller, @Query() query: ListSessionsQuery): Promise<SessionPage> {
    const page: Page<Session> = await this.queries.execute(new ListSessions(by, query));
    return page;
  }

  /** A session with its merged state and its newest events. */
  @Get(':id')
  async get(
    @By() by: Caller,
    @Param('id') id: string,
    @Query() query: GetSessionQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionWithEventsBody | undefined> {
    const after_timestamp = query.after_timestamp && isoTime(query.after_timestamp, 'after_timestamp');
    const found: SessionWithEvents = await this.queries.execute(
      new GetSession(by, { ...query, after_timestamp, session_id: identifier(id, 'id') }),
    );
    const { shared_since, ...session } = found;
    // Others may have changed what they share with this session, without a new version of it.
    const tag = shared_since === null ? `"${session.version}"` : `"${session.version}-${shared_since}"`;
    return answerRead(request, reply, tag, session);
  }

  /** Appends an event; the same `event_id` again is answered as the first time. */
  @Post(':id/events')
  @HttpCode(201)
  @ApiCreatedResponse({ type: AppendedEventBody })
  @ApiOkResponse({ type: AppendedEventBody, description: 'It was there already.' })
  async append(
    @By() by: Caller,
    @Param('id') id: string,
    @Body() body: AppendEventBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AppendedEventBody> {
    const events = [newEvent(body, by, '')];
    const written: Written<AppendedEvent[]> = await this.commands.execute(
      new AppendEvents(by, identifier(id, 'id'), events),
    );
    const [event] = answerWrite(reply, written, written.repeated ? 200 : 201);
    return event!;
  }

  /** Appends events, all or none. */
  @Post(':id/events/batch')
  @HttpCode(201)
  @ApiCreatedResponse({ type: AppendedEventsBody })
  @ApiOkResponse({ type: AppendedEventsBody, description: 'It was there already.' })
  async appendBatch(
    @By() by: Caller,
    @Param('id') id: string,
    @Body() body: AppendEventsBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AppendedEventsBody> {
    const events = body.events.map((event, index) => newEvent(event, by, `events[${index}].`));
    const written: Written<AppendedEvent[]> = await this.commands.execute(
      new AppendEvents(by, identifier(id, 'id'), events),
    );
    const appended = answerWrite(reply, written, written.repeated ? 200 : 201);
    return { events: appended.map(({ event_id, version, position }) => ({ event_id, version, position })) };
  }

  /** The events of a session, page by page. */
  @Get(':id/events')
  async events(
    @By() by: Caller,
    @Param('id') id: string,
    @Query() query: ListSessionEventsQuery,
  ): Promise<SessionEventPage> {
    const input = { ...query, session_id: identifier(id, 'id') };
    const page: Page<SessionEventView> = await this.queries.execute(new ListSessionEvents(by, input));
    return page;
  }

  /** Moves a session along created → active ⇄ paused → terminated → archived. */
  @Put(':id/status')
  async changeStatus(
    @By() by: Caller,
    @Param('id') id: string,
    @Body() { status }: ChangeStatusBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionBody> {
    const written: Written<SessionWithState> = await this.commands.execute(
      new ChangeSessionStatus(by, identifier(id, 'id'), status),
    );
    return answerSession(reply, written, 200);
  }

  /** The merged state of a session. */
  @Get(':id/state')
  async state(@By() by: Caller, @Param('id') id: string, @Query() query: AsOfQuery): Promise<StateBody> {
    const { state }: SessionWithState = await this.queries.execute(
      new GetSessionState(by, { ...query, session_id: identifier(id, 'id') }),
    );
    return { state };
  }

  /** One value of the state; with `resolve`, by its bare name. */
  @Get(':id/state/:key')
  async stateEntry(
    @By() by: Caller,
    @Param('id') id: string,
    @Param('key') key: string,
    @Query() query: StateEntryQuery,
  ): Promise<StateEntryBody> {
    const input = { ...query, session_id: identifier(id, 'id'), key: memoryKey(key) };
    const entry: StateEntry = await this.queries.execute(new GetStateEntry(by, input));
    return entry;
  }

  /** Sets one value of the state. */
  @Put(':id/state/:key')
  async setState(
    @By() by: Caller,
    @Param('id') id: string,
    @Param('key') key: string,
    @Body() { value }: SetStateBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StateWrittenBody> {
    const command = new SetSessionState(by, identifier(id, 'id'), memoryKey(key), value);
    const written: Written<{ key: string; value: Json; version: number }> = await this.commands.execute(command);
    return answerWrite(reply, written);
  }

  /** A new session that begins with this one's events and state up to a version. */
  @Post(':id/fork')
  @HttpCode(201)
  @ApiBody({ type: ForkSessionBody, required: false })
  async fork(
    @By() by: Caller,
    @Param('id') id: string,
    @Body() body: ForkSessionBody | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SessionBody> {
    const { session_id = randomUUID(), at_version } = body ?? {};
    const command = new ForkSession(by, identifier(id, 'id'), identifier(session_id, 'session_id'), at_version);
    const written: Written<SessionWithState> = await this.commands.execute(command);
    return answerSession(reply, written, 201);
  }

  /** Deletes a session; its history stays in the log, its memories stay without it. */
  @Delete(':id')
  @HttpCode(204)
  async delete(
    @By() by: Caller,
    @Param('id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<void> {
    const written: Written<null> = await this.commands.execute(new DeleteSession(by, identifier(id, 'id')));
    answerWrite(reply, written, 204);
  }
}

function answerSession(reply: FastifyReply, written: Written<SessionWithState>, status: number): SessionBody {
  const { shared_since: _, ...session } = answerWrite(reply, written, status);
  return session;
}

function newEvent(body: AppendEventBody, by: Caller, at: string): NewSessionEvent {
  const { event_id, timestamp, event_type, actor, content, state_delta, is_final_response } = body;
  return {
    event_id: event_id === undefined ? undefined : identifier(event_id, `${at}event_id`),
    timestamp: timestamp === undefined ? by.time : isoTime(timestamp, `${at}timestamp`),
    event_type,
    actor: identifier(actor, `${at}actor`),
    content,
    state_delta,
    is_final_response,
  };
}
