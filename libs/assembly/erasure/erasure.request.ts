import { randomUUID } from 'node:crypto';
import { conflict, identifier, invalid, namespacePrefix } from '#kernel';
import type { Subject, SubjectErased } from './erasure.events.js';
import { actorsOf, type ErasurePlan } from './erasure.plan.js';

/** A request to erase, as it comes in: one subject. */
export interface ErasureInput {
  user_id?: string;
  session_id?: string;
  namespace_prefix?: string;
  reason: string;
  /** Also what others have a part in. */
  include_shared?: boolean;
}

/** Neighbouring entries that one order can name: it is one event of the log. */
const MAX_RANGES = 200_000;

/** The one subject that is named, checked. */
export function subjectOf({ user_id, session_id, namespace_prefix }: Omit<ErasureInput, 'reason'>): Subject {
  const named = [user_id, session_id, namespace_prefix].filter((one) => one !== undefined);
  if (named.length !== 1) throw invalid('subject', 'must be one of user_id, session_id and namespace_prefix');
  if (user_id !== undefined) return { kind: 'user', id: identifier(user_id, 'user_id') };
  if (session_id !== undefined) return { kind: 'session', id: identifier(session_id, 'session_id') };
  const id = namespacePrefix(namespace_prefix!);
  if (!id.includes(':')) {
    throw invalid('namespace_prefix', `${id} names everybody`, 'Name at least two segments, for instance user:alice.');
  }
  return { kind: 'namespace', id };
}

/** The reason stays in the log: it must not bring back what goes. */
export function reasonOf({ reason }: Pick<ErasureInput, 'reason'>, { id }: Subject): string {
  if (reason.trim() === '') throw invalid('reason', 'must not be empty', 'It stays in the log, for auditors.');
  if (reason.toLowerCase().includes(id.toLowerCase()))
    throw invalid('reason', 'names the subject, and stays in the log', 'Give the number of the request instead.');
  return reason;
}

export function refuseShared({ shared }: ErasurePlan, { include_shared }: Pick<ErasureInput, 'include_shared'>): void {
  if (shared.length === 0 || include_shared === true) return;
  throw conflict(
    'shared-with-others',
    `${shared.length} things would go that others have a part in, too, for instance ${shared[0]}.`,
    'Look at them with dry_run. Erase them as well with include_shared, or take the subject out of them first.',
  );
}

export function refuseMany({ ranges, entries }: ErasurePlan): void {
  if (ranges.length <= MAX_RANGES) return;
  throw conflict(
    'too-many-entries',
    `${entries} entries in ${ranges.length} places are too many for one erasure.`,
    'Erase by sessions or namespaces.',
  );
}

/** The order that follows from a plan. Who is erased does not stay as who asked for it. */
export function orderOf(
  { subject_ref, ranges, entries, counts }: ErasurePlan,
  input: ErasureInput,
  by: { actor: string; time: string },
): SubjectErased['data'] {
  const subject = subjectOf(input);
  return {
    erasure_id: randomUUID(),
    subject_kind: subject.kind,
    subject_ref,
    reason: reasonOf(input, subject),
    requested_by: actorsOf(subject).includes(by.actor) ? 'subject' : by.actor,
    requested_at: by.time,
    entries,
    ranges,
    counts,
  };
}
