import { decideStep, type SqliteAuditLog, type Step } from '#audit-log';
import { DomainError, type JsonObject } from '#kernel';
import { memory, type MemoryType } from '#memories';
import { session } from '#sessions';
import { systemCaller } from './caller.js';

/** What a new database begins with: the application's own procedures, templates, and a session to try things on. */
const MEMORIES: { namespace: string; key: string; memory_type: MemoryType; value: JsonObject }[] = [
  {
    namespace: 'app:abathur:workflows',
    key: 'session-to-memory',
    memory_type: 'procedural',
    value: {
      title: 'From a session to lasting memories',
      steps: [
        'Append what happens as events of the session, with state_delta for what must be known in the next turn.',
        'Publish what others should know from the session: namespace to a user: or project: namespace.',
        'Terminate the session; its own state is cleared, its events stay.',
      ],
    },
  },
  {
    namespace: 'app:abathur:workflows',
    key: 'task-with-checkpoints',
    memory_type: 'procedural',
    value: {
      title: 'A long task that survives interruption',
      steps: [
        'Claim the task.',
        'Write a checkpoint after each iteration.',
        'On failure, go on from the last checkpoint.',
      ],
    },
  },
  {
    namespace: 'app:abathur:policies',
    key: 'memory-lifecycle',
    memory_type: 'procedural',
    value: {
      semantic: 'Facts stay until they are changed or deleted.',
      episodic: 'What happened fades after 90 days, unless ttl_seconds says otherwise.',
      procedural: 'How things are done stays, every version of it.',
    },
  },
  {
    namespace: 'app:abathur:policies',
    key: 'conflict-resolution',
    memory_type: 'procedural',
    value: { default: 'Send If-Match with the version you saw; on 412 read again and decide anew.' },
  },
  {
    namespace: 'app:abathur:templates',
    key: 'user-preferences',
    memory_type: 'semantic',
    value: { language: 'en', tone: 'neutral', verbosity: 'normal', timezone: 'UTC' },
  },
  {
    namespace: 'app:abathur:templates',
    key: 'user-notifications',
    memory_type: 'semantic',
    value: { channel: 'none', quiet_hours: { from: '22:00', to: '07:00' } },
  },
];

export const EXAMPLE_SESSION = 'example-session';

/** Fills an empty log, through normal commands and in one transaction. Returns whether it did. */
export async function seed(log: SqliteAuditLog): Promise<boolean> {
  if ((await log.head()).position > 0) return false;
  const caller = systemCaller();
  try {
    await log.execute({ caller, steps: steps(caller.time) });
    return true;
  } catch (error) {
    // Another process was quicker.
    if (error instanceof DomainError && error.kind === 'conflict') return false;
    throw error;
  }
}

function steps(timestamp: string): Step[] {
  const example = { session_id: EXAMPLE_SESSION };
  return [
    ...MEMORIES.map((content) => decideStep(memory, { type: 'WriteMemory', mode: 'add', ...content })),
    decideStep(session, {
      type: 'CreateSession',
      ...example,
      app_name: 'abathur',
      user_id: 'example',
      project_id: null,
      metadata: { purpose: 'smoke tests' },
      state: { 'user:language': 'en' },
    }),
    decideStep(session, {
      type: 'AppendEvents',
      ...example,
      events: [
        {
          timestamp,
          event_type: 'message',
          actor: 'user',
          content: { text: 'Remember that I take my coffee black.' },
          is_final_response: false,
        },
        {
          timestamp,
          event_type: 'message',
          actor: 'agent:example',
          content: { text: 'Noted.' },
          state_delta: { coffee: 'black' },
          is_final_response: true,
        },
      ],
    }),
  ];
}
