import { Module } from '@nestjs/common';
import { sessionCommandHandlers } from './session.commands.js';
import { sessionQueryHandlers } from './session.queries.js';

@Module({ providers: [...sessionCommandHandlers, ...sessionQueryHandlers] })
export class SessionsModule {}

export {
  AppendEvents,
  ChangeSessionStatus,
  CreateSession,
  DeleteSession,
  ForkSession,
  SetSessionState,
  type AppendedEvent,
} from './session.commands.js';
export { GetSession, GetSessionState, GetStateEntry, ListSessionEvents, ListSessions } from './session.queries.js';
