import type { DomainEvent, EventCatalog } from '#kernel';
import type { Right, Role } from './principal.js';

export type ApiKeyCreated = DomainEvent<
  'ApiKeyCreated',
  {
    key_id: string;
    /** What people call it. */
    name: string;
    role: Role;
    /** `null` for auditors and operators, who are bound to nothing. */
    app: string | null;
    users: string[];
    projects: Record<string, Right>;
    /** HMAC-SHA-256(pepper, secret), base64url. */
    mac: string;
    /** ISO-8601 UTC; `null`: never. */
    expires_at: string | null;
    /** The key that it was rotated from. */
    replaces: string | null;
  }
>;

/** It ends sooner than it was meant to: another one takes its place. */
export type ApiKeyShortened = DomainEvent<'ApiKeyShortened', { key_id: string; expires_at: string }>;

export type ApiKeyRevoked = DomainEvent<'ApiKeyRevoked', { key_id: string }>;

export type ApiKeyEvent = ApiKeyCreated | ApiKeyShortened | ApiKeyRevoked;

export const apiKeyCatalog: Record<ApiKeyEvent['type'], EventCatalog[string]> = {
  ApiKeyCreated: { version: 1 },
  ApiKeyShortened: { version: 1 },
  ApiKeyRevoked: { version: 1 },
};
