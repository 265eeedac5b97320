import type { DomainEvent, EventCatalog } from '#kernel';

/** Somebody gave a job another schedule, or switched it on or off; both are told as they are from then on. */
export type JobConfigured = DomainEvent<'JobConfigured', JobSettings & { name: string }>;

export interface JobSettings {
  /** Five cron fields, in UTC. */
  schedule: string;
  enabled: boolean;
}

export const jobCatalog: Record<JobConfigured['type'], EventCatalog[string]> = { JobConfigured: { version: 1 } };
