import { CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { decideStep, SqliteAuditLog, wasAnswered, type Decision, type Step, type Written } from '#audit-log';
import { conflict, invalid, versionConflict, type Caller, type Json, type JsonObject } from '#kernel';
import { ReadSide } from '#storage';
import { session, sessionOf, type NewSessionEvent, type SessionCommand } from './session.decider.js';
import type { SessionStatus, StateDelta } from './session.events.js';
import { sessionState, sessionWithEvents, stateAt, type SessionWithState } from './session.reads.js';
import { temporary } from './state-scope.js';

export class CreateSession {
  constructor(
    readonly by: Caller,
    readonly input: {
      session_id: string;
      app_name: string;
      user_id: string;
      project_id: string | null;
      state: StateDelta;
      metadata: JsonObject;
    },
  ) {}
}

export class AppendEvents {
  constructor(
    readonly by: Caller,
    readonly session_id: string,
    readonly events: NewSessionEvent[],
  ) {}
}

export interface AppendedEvent {
  event_id: string;
  version: number;
  position: number;
  /** After an event with a state delta: the merged state as of this event, with the turn's `temp:` keys. */
  state?: StateDelta;
}

export class SetSessionState {
  constructor(
    readonly by: Caller,
    readonly session_id: string,
    readonly key: string,
    readonly value: Json,
  ) {}
}

export class ChangeSessionStatus {
  constructor(
    readonly by: Caller,
    readonly session_id: string,
    readonly status: SessionStatus,
  ) {}
}

export class ForkSession {
  constructor(
    readonly by: Caller,
    readonly session_id: string,
    readonly fork_id: string,
    /** The fork begins with everything up to this version; the newest by default. */
    readonly at_version: number | undefined,
  ) {}
}

export class DeleteSession {
  constructor(
    readonly by: Caller,
    readonly session_id: string,
  ) {}
}

@CommandHandler(CreateSession)
export class CreateSessionHandler implements ICommandHandler<CreateSession> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, input }: CreateSession): Promise<Written<SessionWithState>> {
    const step = decide({ type: 'CreateSession', ...input }, by);
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    return asOfWrite(this.reads, results[0] as Decision, replayed, temporary(input.state));
  }
}

@CommandHandler(AppendEvents)
export class AppendEventsHandler implements ICommandHandler<AppendEvents> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, session_id, events }: AppendEvents): Promise<Written<AppendedEvent[]>> {
    const step = decide({ type: 'AppendEvents', session_id, events }, by);
    const { results } = await this.log.execute({ caller: by, steps: [step] });
    const decision = results[0] as Decision;
    const value = decision.events.map(({ event_id, version, position }, index) => {
      const delta = events[index]!.state_delta;
      return { event_id, version, position, ...(delta && { state: this.stateAt(session_id, position, delta) }) };
    });
    const last = value.at(-1)!;
    const repeated = decision.events.every((event) => event.repeated === true);
    return { value, version: last.version, position: last.position, repeated };
  }

  private stateAt(session_id: string, as_of: number, delta: StateDelta): StateDelta {
    return Object.assign(this.reads.point(stateAt, { session_id, as_of }), temporary(delta));
  }
}

@CommandHandler(SetSessionState)
export class SetSessionStateHandler implements ICommandHandler<SetSessionState> {
  constructor(private readonly log: SqliteAuditLog) {}

  async execute({
    by,
    session_id,
    key,
    value,
  }: SetSessionState): Promise<Written<{ key: string; value: Json; version: number }>> {
    const step = decide({ type: 'SetState', session_id, key, value }, by);
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { version, position } = results[0] as Decision;
    return { value: { key, value, version }, version, position, repeated: replayed };
  }
}

@CommandHandler(ChangeSessionStatus)
export class ChangeSessionStatusHandler implements ICommandHandler<ChangeSessionStatus> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, session_id, status }: ChangeSessionStatus): Promise<Written<SessionWithState>> {
    const step = decide({ type: 'ChangeStatus', session_id, status }, by);
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    return asOfWrite(this.reads, results[0] as Decision, replayed);
  }
}

/** Most events that one fork copies: they are one transaction. */
const MAX_FORKED_EVENTS = 20_000;

@CommandHandler(ForkSession)
export class ForkSessionHandler implements ICommandHandler<ForkSession> {
  constructor(
    private readonly log: SqliteAuditLog,
    private readonly reads: ReadSide,
  ) {}

  async execute({ by, ...fork }: ForkSession): Promise<Written<SessionWithState>> {
    const steps = this.reads.point(wasAnswered, by.idempotency?.key) ? [] : await this.copy(by, fork);
    const { results, replayed } = await this.log.execute({ caller: by, steps });
    return asOfWrite(this.reads, results.at(-1) as Decision, replayed);
  }

  /** The steps that make the fork from what its source has come to, which never changes. */
  private async copy(by: Caller, { session_id, fork_id, at_version }: Omit<ForkSession, 'by'>): Promise<Step[]> {
    const now = this.reads.point(sessionState, { session_id });
    if (by.if_match !== undefined && by.if_match !== now.version) {
      throw versionConflict(`session ${session_id}`, `version ${by.if_match}`, now.version);
    }
    const version = at_version ?? now.version;
    if (version > now.version)
      throw invalid('at_version', `is ${version}, but the session is at version ${now.version}`);
    const [as_of, created] = await this.origin(session_id, version);
    const source = await this.reads.scan(sessionWithEvents, {
      session_id,
      num_recent_events: MAX_FORKED_EVENTS + 1,
      as_of,
    });
    if (source.events.length > MAX_FORKED_EVENTS) {
      throw conflict(
        'fork-too-long',
        `A fork copies at most ${MAX_FORKED_EVENTS} events.`,
        'Fork at an earlier version.',
      );
    }
    const { app_name, user_id, project_id, metadata } = source;
    const origin = { session_id, version };
    const steps: Step[] = [
      decide({
        type: 'CreateSession',
        session_id: fork_id,
        app_name,
        user_id,
        project_id,
        metadata,
        state: created,
        forked_from: origin,
      }),
    ];
    if (source.events.length > 0) {
      steps.push(decide({ type: 'AppendEvents', session_id: fork_id, events: source.events, copied: true }));
    }
    return steps;
  }

  /** The position at which the session reached a version, and the session's own keys that events did not set. */
  private async origin(sessionId: string, version: number): Promise<[number, StateDelta]> {
    const [event] = await this.log.readStream(session.stream({ type: 'DeleteSession', session_id: sessionId }), {
      from: version,
      limit: 1,
    });
    const { state } = this.reads.point(sessionState, { session_id: sessionId, as_of: event!.position });
    return [
      event!.position,
      Object.fromEntries(Object.entries(state).filter(([key]) => !/^(user|app|project):/.test(key))),
    ];
  }
}

@CommandHandler(DeleteSession)
export class DeleteSessionHandler implements ICommandHandler<DeleteSession> {
  constructor(private readonly log: SqliteAuditLog) {}

  async execute({ by, session_id }: DeleteSession): Promise<Written<null>> {
    const step = decide({ type: 'DeleteSession', session_id }, by);
    const { results, replayed } = await this.log.execute({ caller: by, steps: [step] });
    const { version, position } = results[0] as Decision;
    return { value: null, version, position, repeated: replayed };
  }
}

/** `If-Match` on a session is the version of its stream. */
const decide = (command: SessionCommand, by?: Caller): Step => decideStep(session, command, { expected: by?.if_match });

/** The session as of the write that is being answered, also when the answer is given again later. */
function asOfWrite(
  reads: ReadSide,
  { stream, version, position }: Decision,
  repeated: boolean,
  temp: StateDelta = {},
): Written<SessionWithState> {
  const value = reads.point(sessionState, { session_id: sessionOf(stream), as_of: position });
  Object.assign(value.state, temp);
  return { value, version, position, repeated };
}

export const sessionCommandHandlers = [
  CreateSessionHandler,
  AppendEventsHandler,
  SetSessionStateHandler,
  ChangeSessionStatusHandler,
  ForkSessionHandler,
  DeleteSessionHandler,
];
