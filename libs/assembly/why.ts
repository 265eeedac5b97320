import { isSeen, isSeenOfSession } from '#access';
import { whyOf, type Sees, type Why } from '#audit-log';
import { streamParts, type Visibility } from '#kernel';
import { memoryStream } from '#memories';
import { defineRead, type Reader } from '#storage';
import { taskSession } from '#work';

export interface WhyInput {
  namespace: string;
  key: string;
  /** Only what somebody sees. */
  visible?: Visibility;
}

/** Where a memory comes from and what became of it. */
export const memoryWhy = defineRead('memories.why', (db, { namespace, key, visible }: WhyInput): Why =>
  whyOf(db, memoryStream(namespace, key), visible && seenThings(db, visible)),
);

/** What somebody sees of memories, sessions and tasks, by their streams; of nothing else is anything made. */
function seenThings(db: Reader, visible: Visibility): Sees {
  const ofSession = (id: string | null | undefined): boolean =>
    typeof id === 'string' && isSeenOfSession(db, visible, id);
  const isShown = (stream: string): boolean => {
    const [kind, id] = streamParts(stream);
    if (kind === 'memory') return isSeen(db, visible, id!);
    if (kind === 'task') return ofSession(taskSession.run(db, id!)?.session_id);
    return kind === 'session' && ofSession(id);
  };
  const known = new Map<string, boolean>();
  return (stream) => {
    const seen = known.get(stream) ?? isShown(stream);
    known.set(stream, seen);
    return seen;
  };
}
