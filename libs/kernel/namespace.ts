import { invalid } from './errors.js';
import { assertText } from './json.js';

/** Where a memory lives: `:`-separated segments, most general first, for instance `user:alice:preferences`. */
export type Namespace = string;

export const SCOPES = ['session', 'user', 'app', 'project'] as const;
export const MAX_NAMESPACE = 512;
export const MAX_SEGMENT = 128;
export const MAX_KEY = 256;

// What a person cannot see, or what reverses what they see, cannot be part of an address: two that look alike would be two.
const UNPRINTABLE =
  /[\p{Cc}\p{Zl}\p{Zp}\u00AD\u115F\u1160\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u206F\u3164\uFEFF\uFFA0]|\u034F|[\u180B-\u180F]/u;
// Persian and Indic words and emoji are spelled with joiners, emoji with selectors and tags. Anywhere else nobody sees them.
const JOINER_ALONE =
  /(?:^|[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Nd}\p{P}\p{Zs}])[\u200C\u200D]|[\u200C\u200D]$/u;
const SELECTOR_ALONE = /(?<![\p{Extended_Pictographic}\p{Emoji_Modifier}])[\uFE00-\uFE0F](?!\u20E3)/u;
const TAG_ALONE = /(?<!\u{1F3F4}[\u{E0020}-\u{E007F}]*)[\u{E0000}-\u{E007F}]/u;
const PLAIN = /^[\x20-\x7e]*$/;

export type NamespaceScope = (typeof SCOPES)[number] | 'other';

/** The scope that a namespace or a prefix of one lies in; `other` for a prefix that no namespace can have. */
export function scopeOf(prefix: string): NamespaceScope {
  const [scope] = prefix.split(':', 1);
  return SCOPES.find((one) => one === scope) ?? 'other';
}

/** Checks a full namespace and returns it; at least two segments, the first one a scope. */
export function namespace(text: string, field = 'namespace'): Namespace {
  const segments = assertSegments(text, field);
  const [scope] = segments;
  if (scope === 'temp') throw invalid(field, 'temp is never persisted', `Use one of ${SCOPES.join(', ')}.`);
  if (!(SCOPES as readonly string[]).includes(scope!)) {
    throw invalid(field, `must begin with one of ${SCOPES.join(', ')}, got "${scope}"`);
  }
  if (segments.length < 2) throw invalid(field, `needs at least two segments, for instance ${scope}:alice`);
  return text;
}

/** Checks a prefix: whole segments, at least one of them. */
export function namespacePrefix(text: string, field = 'namespace_prefix'): string {
  assertSegments(text, field);
  return text;
}

/** Checks the key of a memory. */
export function memoryKey(text: string, field = 'key'): string {
  assertText(text, field);
  if (text.length === 0) throw invalid(field, 'must not be empty');
  if (text.length > MAX_KEY) throw invalid(field, `has ${text.length} characters, at most ${MAX_KEY} are allowed`);
  assertPrintable(text, field);
  return text;
}

/** Refuses what cannot be seen, and what can be spelled in another way and would look the same. */
export function assertPrintable(text: string, field: string): void {
  if (PLAIN.test(text)) return;
  if ([UNPRINTABLE, JOINER_ALONE, SELECTOR_ALONE, TAG_ALONE].some((pattern) => pattern.test(text)))
    throw invalid(field, 'holds a character that cannot be printed');
  if (text.normalize('NFC') !== text)
    throw invalid(field, 'holds letters that are not composed', 'Send it in the normal form C of Unicode (NFC).');
}

/** Checks a client's own id of a session, task or event. */
export function identifier(text: string, field: string): string {
  return memoryKey(text, field);
}

function assertSegments(text: string, field: string): string[] {
  assertText(text, field);
  if (text.length > MAX_NAMESPACE) {
    throw invalid(field, `has ${text.length} characters, at most ${MAX_NAMESPACE} are allowed`);
  }
  const segments = text.split(':');
  for (const segment of segments) {
    if (segment === '') throw invalid(field, 'has an empty segment');
    if (segment.length > MAX_SEGMENT) {
      throw invalid(field, `has a segment of ${segment.length} characters, at most ${MAX_SEGMENT} are allowed`);
    }
    assertPrintable(segment, field);
    if (segment.trim() !== segment) throw invalid(field, 'has a segment that begins or ends with a space');
  }
  return segments;
}

/**
 * The range of texts that are `prefix` itself or lie below it, for `ns = prefix OR (ns >= from AND ns < to)`.
 * `;` follows `:` in code point order, so exactly the deeper namespaces fall in between. Never `LIKE`: it would make
 * `%` and `_` wildcards, ignore case, and let `user:al` return `user:alice`.
 */
export function below(prefix: string): { prefix: string; from: string; to: string } {
  return { prefix, from: `${prefix}:`, to: `${prefix};` };
}
