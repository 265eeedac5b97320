import { canonicalJson } from '#kernel';
import { projector } from '#projections';
import { sql } from '#storage';
import type { ApiKeyEvent } from './api-key.events.js';

/** Table `api_keys`. */
export const apiKeysProjector = projector<ApiKeyEvent>('api-keys', {
  mode: 'inline',
  tables: ['api_keys'],
  on: {
    ApiKeyCreated: ({ data, position, actor, time }) => [
      sql`INSERT INTO api_keys (id, key_id, name, role, app, users, projects, mac, replaces, created_by, created_at,
            expires_at)
          VALUES (${position}, ${data.key_id}, ${data.name}, ${data.role}, ${data.app}, ${canonicalJson(data.users)},
            ${canonicalJson(data.projects)}, ${data.mac}, ${data.replaces}, ${actor}, ${time}, ${data.expires_at})`,
    ],
    ApiKeyShortened: ({ data: { key_id, expires_at } }) => [
      sql`UPDATE api_keys SET expires_at = ${expires_at} WHERE key_id = ${key_id}`,
    ],
    ApiKeyRevoked: ({ data: { key_id }, actor, time }) => [
      sql`UPDATE api_keys SET revoked_at = ${time}, revoked_by = ${actor} WHERE key_id = ${key_id}`,
    ],
  },
});
