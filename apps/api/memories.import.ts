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
import { BODY_LIMIT, parseJson } from './http/body.js';
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
): Promise<ImportResultBody & { position: number }> {
  const total = { imported: 0, written: 0, unchanged: 0, position: 0 };
  for await (const page of inPages(readLines(stream), PAGE)) {
    const { memories, refused } = readPage(page, by);
    if (memories.length > 0) {
      const { written, position } = await commands.execute(new ImportMemories(by, memories));
      total.imported += memories.length;
      total.written += written;
      total.unchanged += memories.length - written;
      total.position = position;
    }
    if (refused !== undefined) throw atLine(refused.number, refused.error, total.imported);
  }
  return total;
}

function readPage(
  page: Line[],
  by: Caller,
): { memories: WriteInput[]; refused?: { number: number; error: DomainError } } {
  const memories: WriteInput[] = [];
  for (const { number, text } of page) {
    try {
      memories.push(toInput(parseLine(text), by));
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      return { memories, refused: { number, error } };
    }
  }
  return { memories };
}

function parseLine(text: string): MemoryLine {
  if (text.length > BODY_LIMIT)
    throw invalid('line', `has ${text.length} characters, at most ${BODY_LIMIT} are allowed`);
  const line = parseJson(Buffer.from(text));
  if (typeof line !== 'object' || line === null || Array.isArray(line)) throw invalid('line', 'must be a JSON object');
  assertStorable(line);
  return line as MemoryLine;
}

const FIELDS = ['namespace', 'key', 'value', 'memory_type', 'metadata', 'created_by', 'expires_at'];

function toInput(line: MemoryLine, by: Caller): WriteInput {
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
    ttl_seconds:
      expires_at === undefined || expires_at === null
        ? undefined
        : secondsUntil(asText(expires_at, 'expires_at'), by.time),
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

const secondsUntil = (end: string, now: string): number =>
  Math.max(1, Math.round((Date.parse(isoTime(end, 'expires_at')) - Date.parse(now)) / 1000));

function atLine(number: number, { kind, code, message, details }: DomainError, imported: number): DomainError {
  return new DomainError(kind, code, `line ${number}: ${message}`, {
    ...details,
    errors: details.errors?.map(({ field, detail }) => ({ field: `line ${number}.${field}`, detail })),
    hint: `The ${imported} lines before it are imported. Mend the line and send everything again: nothing is written twice.`,
  });
}
