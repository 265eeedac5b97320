import { QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { resolveAsOf } from '#audit-log';
import type { Caller, Page } from '#kernel';
import { ReadSide } from '#storage';
import {
  sessionEventsPage,
  sessionsPage,
  sessionState,
  sessionWithEvents,
  stateEntry,
  type Session,
  type SessionEventsInput,
  type SessionEventView,
  type SessionInput,
  type SessionPageInput,
  type SessionWithEvents,
  type SessionWithState,
  type StateEntry,
  type StateEntryInput,
} from './session.reads.js';

/** A read's input as a client spells it: `as_of` may be a time or a position. */
type AsOf<Input> = Omit<Input, 'as_of'> & { as_of?: string };

export class GetSession {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<SessionInput>,
  ) {}
}

export class ListSessions {
  constructor(
    readonly by: Caller,
    readonly input: SessionPageInput,
  ) {}
}

export class ListSessionEvents {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<SessionEventsInput>,
  ) {}
}

export class GetSessionState {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<{ session_id: string }>,
  ) {}
}

export class GetStateEntry {
  constructor(
    readonly by: Caller,
    readonly input: AsOf<StateEntryInput>,
  ) {}
}

@QueryHandler(GetSession)
export class GetSessionHandler implements IQueryHandler<GetSession> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: GetSession): Promise<SessionWithEvents> {
    return this.reads.scan(sessionWithEvents, { ...input, as_of: resolveAsOf(this.reads, input.as_of, by.time) });
  }
}

@QueryHandler(ListSessions)
export class ListSessionsHandler implements IQueryHandler<ListSessions> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: ListSessions): Promise<Page<Session>> {
    return this.reads.scan(sessionsPage, { ...input, visible: by.visible });
  }
}

@QueryHandler(ListSessionEvents)
export class ListSessionEventsHandler implements IQueryHandler<ListSessionEvents> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: ListSessionEvents): Promise<Page<SessionEventView>> {
    return this.reads.scan(sessionEventsPage, { ...input, as_of: resolveAsOf(this.reads, input.as_of, by.time) });
  }
}

@QueryHandler(GetSessionState)
export class GetSessionStateHandler implements IQueryHandler<GetSessionState> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: GetSessionState): Promise<SessionWithState> {
    return this.reads.point(sessionState, { ...input, as_of: resolveAsOf(this.reads, input.as_of, by.time) });
  }
}

@QueryHandler(GetStateEntry)
export class GetStateEntryHandler implements IQueryHandler<GetStateEntry> {
  constructor(private readonly reads: ReadSide) {}

  async execute({ by, input }: GetStateEntry): Promise<StateEntry> {
    return this.reads.point(stateEntry, { ...input, as_of: resolveAsOf(this.reads, input.as_of, by.time) });
  }
}

export const sessionQueryHandlers = [
  GetSessionHandler,
  ListSessionsHandler,
  ListSessionEventsHandler,
  GetSessionStateHandler,
  GetStateEntryHandler,
];
