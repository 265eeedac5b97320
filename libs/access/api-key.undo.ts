import type { Undoes } from '#audit-log';
import type { ApiKeyEvent } from './api-key.events.js';

const byHand = { keep: 'who comes in is decided by whoever answers for it: create or revoke the key' };

export const apiKeyUndoes: Undoes<ApiKeyEvent> = {
  ApiKeyCreated: () => byHand,
  ApiKeyShortened: () => byHand,
  ApiKeyRevoked: () => byHand,
};
