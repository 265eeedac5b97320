import type { ProjectionView } from '#assembly';
import type { ParkedEvent, RebuildReport } from '#projections';

export interface Retried {
  retried: number;
  digested: number;
}

/** What can be done with projections, through a server or on the file. */
export interface Desk {
  list(): Promise<ProjectionView[]>;
  rebuild(name: string, compareOnly: boolean, onProgress: OnProgress): Promise<RebuildReport>;
  parked(name: string): Promise<ParkedEvent[]>;
  retry(name: string): Promise<Retried>;
}

/** On the file alone: it changes what a table may hold, so somebody who can reach the machine has to say so. */
export interface FileDesk extends Desk {
  leaveAside(name: string): Promise<LeftAside>;
}

export interface LeftAside {
  position: number;
  type: string;
  reason: string;
}

export type OnProgress = (progress: { done: number; total: number }) => void;
