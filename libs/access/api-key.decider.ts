import { conflict, notFound, streamName, type Decider } from '#kernel';
import type { ApiKeyCreated, ApiKeyEvent } from './api-key.events.js';

export type ApiKeyCommand =
  | ({ type: 'CreateKey' } & ApiKeyCreated['data'])
  | { type: 'ShortenKey'; key_id: string; expires_at: string }
  | { type: 'RevokeKey'; key_id: string };

/** `null`: there is none. */
export type ApiKeyState = { expires_at: string | null; revoked: boolean } | null;

export const apiKey: Decider<ApiKeyCommand, ApiKeyEvent, ApiKeyState> = {
  name: 'api-key',
  initial: null,
  stream: ({ key_id }) => streamName('key', key_id),

  decide({ type, ...data }, state, { time }) {
    const { key_id } = data;
    if (type === 'CreateKey') {
      if (state !== null) throw conflict('key-exists', `There is a key ${key_id} already.`);
      return [{ type: 'ApiKeyCreated', data: data as ApiKeyCreated['data'] }];
    }
    if (state === null) throw notFound('key', key_id);
    if (type === 'RevokeKey') return state.revoked ? [] : [{ type: 'ApiKeyRevoked', data: { key_id } }];
    if (state.revoked || hasEnded(state, time))
      throw conflict('key-ended', `Key ${key_id} has ended.`, 'Create a new one.');
    const { expires_at } = data as { expires_at: string };
    // What ends sooner anyway stays as it is.
    if (state.expires_at !== null && state.expires_at <= expires_at) return [];
    return [{ type: 'ApiKeyShortened', data: { key_id, expires_at } }];
  },

  evolve(state, event) {
    switch (event.type) {
      case 'ApiKeyCreated':
        return { expires_at: event.data.expires_at, revoked: false };
      case 'ApiKeyShortened':
        return { revoked: state!.revoked, expires_at: event.data.expires_at };
      case 'ApiKeyRevoked':
        return { expires_at: state!.expires_at, revoked: true };
    }
  },
};

const hasEnded = ({ expires_at }: NonNullable<ApiKeyState>, time: string): boolean =>
  expires_at !== null && expires_at <= time;
