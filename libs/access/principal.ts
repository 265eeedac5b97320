/** What a key may be. */
export const ROLES = ['agent', 'service', 'auditor', 'operator'] as const;
export type Role = (typeof ROLES)[number];

export type Right = 'read' | 'write';

/**
 * Who a key speaks for. An agent acts for one user of an app, a service for the users that it names and for the app
 * itself; both only in the projects that are listed. Auditors and operators are bound to nothing.
 */
export type Principal = Bound | { role: 'auditor' } | { role: 'operator' };

export interface Bound {
  role: 'agent' | 'service';
  app: string;
  users: string[];
  projects: Record<string, Right>;
}
