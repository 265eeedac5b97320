import {
  forgetAnswersOf,
  keepCheckpoint,
  LogReader,
  LogWriter,
  Transactor,
  Writer,
  type KeptCheckpoint,
} from '#audit-log';
import { noteKeyUses, type KeyUse } from '#access';
import { forgetChanges, noteChanges, type NoticedChanges } from '#documents';
import {
  beginOperation,
  reportOperations,
  tidyOperations,
  type OperationReport,
  type OperationStart,
} from '#operations';
import { claimJob, endJob, planJob, renewJob, type ClaimJob, type EndJob, type HoldJob, type PlanJob } from '#jobs';
import { memory, memoryWith } from '#memories';
import { Projections } from '#projections';
import { parkText, registerModel, retryParked, storeVector, type EmbeddingModel } from '#search';
import { sql, type Database } from '#storage';
import { catalog, deciders, projectors, reads } from './features.js';
import type { Tally } from './tally.js';
import { moveReaction } from './task-outcome.js';

/** How long an idempotency key is remembered, in milliseconds. */
const COMMIT_MEMORY = 24 * 3600 * 1000;

export interface StoreVectors {
  model: EmbeddingModel;
  vectors: { text_id: number; vector: Float32Array; sha256?: string }[];
}

export interface ParkText {
  model: EmbeddingModel;
  text_id: number;
  reason: string;
  /** ISO-8601 UTC. */
  time: string;
}

/** What a house may choose of the rules. */
export interface HouseRules {
  /** Days until an episodic memory fades; 90 unless said otherwise. */
  episodicTtlDays?: number;
}

/** The writer with all features, on a connection of its own. */
export function assembleWriter(db: Database, { episodicTtlDays = 90 }: HouseRules = {}, tally?: Tally): Writer {
  const projections = new Projections(db, new LogReader(db, catalog), projectors);
  const log = new LogWriter(db, catalog, (events) => {
    projections.onAppend(events);
    tally?.see(events);
  });
  const rules = new Map(deciders).set(memory.name, memoryWith(episodicTtlDays * 24 * 3600));
  const transactor = new Transactor(
    db,
    log,
    rules,
    reads,
    catalog,
    () => projections.settle(),
    (known) => tally?.load(known),
  );
  db.transaction(() => projections.register(new Date().toISOString()));
  fill(projections);
  return new Writer(db, log, transactor, {
    onBegin: () => {
      tally?.begin();
      projections.onBegin();
    },
    onUndo: (position) => {
      projections.onUndo(position);
      tally?.undo(position);
    },
    onRead: () => projections.settle(),
    onEnd: (position) => projections.onEnd(position),
    onCommitted: () => tally?.commit(),
    chores: {
      'forget-folded': () => transactor.forget(),
      'keep-checkpoint': (checkpoint) => keepCheckpoint(db, checkpoint as KeptCheckpoint),
      'catch-up': (name) => projections.turn(projectors.find((projector) => projector.name === name)!),
      'retry-parked-events': (input) => {
        const { name, time } = input as { name: string; time: string };
        return projections.retryParked(
          projectors.find((projector) => projector.name === name)!,
          time,
        );
      },
      'leave-event-aside': (input) => {
        const { name, time } = input as { name: string; time: string };
        return projections.leaveAside(
          projectors.find((projector) => projector.name === name)!,
          time,
        );
      },
      'projection-stopped': (input) => {
        const { name, reason } = input as { name: string; reason: string };
        projections.stopped(name, reason);
      },
      'register-model': (input) => {
        const { name, dimensions } = input as Pick<EmbeddingModel, 'name' | 'dimensions'>;
        return registerModel(db, name, dimensions);
      },
      'store-vectors': (input) => {
        const { model, vectors } = input as StoreVectors;
        return vectors.filter(({ text_id, vector, sha256 }) => storeVector(db, model, text_id, vector, sha256)).length;
      },
      'park-text': (input) => {
        const { model, text_id, reason, time } = input as ParkText;
        parkText(db, model, text_id, reason, time);
      },
      'retry-parked': (model) => retryParked(db, model as EmbeddingModel),
      'note-document-changes': (changes) => noteChanges(db, changes as NoticedChanges),
      'forget-document-changes': (changes) => forgetChanges(db, changes as NoticedChanges),
      'start-operation': (report) => beginOperation(db, report as OperationStart),
      'report-operations': (reports) => reportOperations(db, reports as OperationReport[]),
      'tidy-operations': (now) => tidyOperations(db, now as Parameters<typeof tidyOperations>[1]),
      'plan-job': (plan) => planJob(db, plan as PlanJob),
      'claim-job': (claim) => claimJob(db, claim as ClaimJob),
      'renew-job': (hold) => renewJob(db, hold as HoldJob),
      'end-job': (end) => endJob(db, end as EndJob),
      'move-reaction': (to) => moveReaction(db, to as Parameters<typeof moveReaction>[1]),
      'note-key-uses': (uses) => noteKeyUses(db, uses as KeyUse[]),
      'forget-answers-of': (actors) => forgetAnswersOf(db, actors as string[]),
      'forget-commits': (now) => {
        const before = new Date(Date.parse(now as string) - COMMIT_MEMORY).toISOString();
        return db.run(sql`DELETE FROM commits WHERE created_at < ${before}`).changes;
      },
    },
  });
}

/** What cannot be filled is told to whoever writes next, who finds it as it is: until then reads go on. */
function fill(projections: Projections): void {
  try {
    projections.fill();
  } catch {
    return;
  }
}
