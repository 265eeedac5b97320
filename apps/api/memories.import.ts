import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { CommandBus } from '@nestjs/cqrs';
import { isoTime } from '#audit-log';
import {
  assertStorable,
  DomainError,
  identifier,
  invalid,
  memoryKey,
  namespace,
  type Caller,
  type JsonObject,
} from '#kernel';
import { MEMORY_TYPES, type Memory, type MemoryType } from '#memories';
import { ImportMemories, type WriteInput } from '#memories/module';
import { BODY_LIMIT, BULK_LIMIT, parseJson } from './http/body.js';
import { inPages, readLines, type Line } from './http/ndjson.js';
import type { ImportResultBody } from './memories.dto.js';

/** Lines in one transaction. */
const PAGE = 500;

/** A memory on a line of its own: what export writes and import reads. */
interface MemoryLine {
  namespace: string;
  key: string;
  value: JsonObject;
  memory_type?: MemoryType;
  metadata?: JsonObject;
  created_by?: string;
  expires_at?: string | null;
}

export function toLine(memory: Memory): MemoryLine {
  const { key, value, memory_type, metadata, created_by, expires_at } = memory;
  return { namespace: memory.namespace, key, value, memory_type, metadata, created_by, expires_at };
}

/**
 * Reads memories line by line and writes them page by page. A line that cannot be used ends the import with its
 * number; what was before it stays, and sending everything again makes no second versions of it.
 */
export async function importMemories(
  stream: Readable,
  by: Caller,
  commands: CommandBus,
  /** Refuses a line that may not be written. */
  check: (memory: WriteInput) => void,
): Promise<ImportResultBody & { position: number }> {
  const total = { imported: 0, written: 0, unchanged: 0, position: 0 };
  let number = 0;
  try {
    for await (const page of inPages(readLines(stream, { line: BODY_LIMIT, total: BULK_LIMIT }), PAGE)) {
      const { memories, refused } = readPage(page, check);
      number += 1;
      if (memories.length > 0) {
        const { written, position } = await commands.execute(new ImportMemories(forPage(by, number, page), memories));
        total.imported += memories.length;
        total.written += written;
        total.unchanged += memories.length - written;
        total.position = position;
      }
      if (refused !== undefined) throw atLine(refused.number, refused.error, total.imported);
    }
  } catch (error) {
    // The answer is on its way; what the client still sends is read to its end and dropped.
    stream.resume();
    throw error;
  }
  return total;
}

/** Each page is a commit of its own, so each has its own idempotency key: a space cannot be in a client's. */
function forPage(by: Caller, number: number, page: Line[]): Caller {
  if (by.idempotency === undefined) return by;
  const digest = createHash('sha256').update(by.idempotency.fingerprint);
  for (const { bytes } of page) digest.update(bytes).update('\n');
  const idempotency = { key: `${by.idempotency.key} page ${number}`, fingerprint: digest.digest('base64url') };
  return { ...by, idempotency };
}

function readPage(
  page: Line[],
  check: (memory: WriteInput) => void,
): { memories: WriteInput[]; refused?: { number: number; error: DomainError } } {
  const memories: WriteInput[] = [];
  for (const { number, bytes } of page) {
    try {
      const memory = toInput(parseLine(bytes));
      check(memory);
      memories.push(memory);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      return { memories, refused: { number, error } };
    }
  }
  return { memories };
}

function parseLine(bytes: Buffer): MemoryLine {
  if (bytes.length > BODY_LIMIT) throw invalid('line', `has ${bytes.length} bytes, at most ${BODY_LIMIT} are allowed`);
  const line = parseJson(bytes, 'line');
  if (typeof line !== 'object' || line === null || Array.isArray(line)) throw invalid('line', 'must be a JSON object');
  assertStorable(line);
  return line as MemoryLine;
}

const FIELDS = ['namespace', 'key', 'value', 'memory_type', 'metadata', 'created_by', 'expires_at'];

function toInput(line: MemoryLine): WriteInput {
  const unknown = Object.keys(line).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) throw invalid(unknown, 'is not a field here', `Fields: ${FIELDS.join(', ')}.`);
  const { memory_type, metadata, created_by, expires_at } = line;
  if (memory_type !== undefined && !MEMORY_TYPES.includes(memory_type)) {
    throw invalid('memory_type', `must be one of ${MEMORY_TYPES.join(', ')}`);
  }
  return {
    mode: 'put',
    namespace: namespace(asText(line.namespace, 'namespace')),
    key: memoryKey(asText(line.key, 'key')),
    value: asObject(line.value, 'value'),
    memory_type,
    metadata: metadata === undefined ? undefined : asObject(metadata, 'metadata'),
    actor: created_by === undefined ? undefined : identifier(asText(created_by, 'created_by'), 'created_by'),
    expires_at:
      expires_at === undefined || expires_at === null
        ? undefined
        : isoTime(asText(expires_at, 'expires_at'), 'expires_at'),
  };
}

function asText(value: unknown, field: string): string {
  if (typeof value !== 'string') throw invalid(field, 'must be string');
  return value;
}

function asObject(value: unknown, field: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(field, 'must be object');
  return value as JsonObject;
}

function atLine(number: number, { kind, code, message, details }: DomainError, imported: number): DomainError {
  return new DomainError(kind, code, `line ${number}: ${message}`, {
    ...details,
    errors: details.errors?.map(({ field, detail }) => ({
      field: field === 'line' ? `line ${number}` : `line ${number}.${field}`,
      detail,
    })),
    hint: `The ${imported} lines before it are imported. Mend the line and send everything again: nothing is written twice.`,
  });
}
