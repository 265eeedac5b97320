import { createHash } from 'node:crypto';
import { CORE_SCHEMA, load } from 'js-yaml';
import { assertStorable, DomainError, type JsonObject } from '#kernel';
import { CHUNKING, chunkMarkdown, firstTitle } from './chunk-markdown.js';
import type { DocumentContent } from './document.decider.js';
import { DOCUMENT_TYPES, type DocumentType } from './document.events.js';

export interface DocumentInput {
  file_path: string;
  content: string;
  /** What is left out is what the document says of itself. */
  title?: string;
  document_type?: DocumentType;
  metadata?: JsonObject;
}

const MAX_TITLE = 500;
/** Longest front matter that is understood, in characters, and most values in it: YAML can say much with little. */
const MAX_FRONT_MATTER = 65_536;
const MAX_VALUES = 5_000;

/** What a document says of itself: front matter, first heading, chunks. Pure. */
export function readDocument({ file_path, content, ...given }: DocumentInput): DocumentContent {
  const { fields, begin } = frontMatter(content);
  const bytes = Buffer.from(content);
  const metadata = { ...fields, ...given.metadata };
  return {
    title: titleOf(given.title, fields['title'], firstTitle(content, begin), nameOf(file_path)),
    document_type: given.document_type ?? typeOf(fields),
    content_hash: hashOf(bytes),
    size: bytes.length,
    content,
    metadata,
    chunking: CHUNKING,
    cuts: chunkMarkdown(content, begin),
  };
}

export const hashOf = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** The name of a file without its ending. */
export const nameOf = (file_path: string): string =>
  file_path
    .split('/')
    .at(-1)!
    .replace(/(?<=.)\.[^.]*$/s, '') || file_path;

function titleOf(...candidates: unknown[]): string {
  const titles = candidates.filter((one) => typeof one === 'string').map((one) => one.trim());
  return [...titles.find((one) => one !== '')!].slice(0, MAX_TITLE).join('');
}

function typeOf({ document_type, type }: JsonObject): DocumentType {
  return (
    DOCUMENT_TYPES.find((known) => known === document_type) ??
    DOCUMENT_TYPES.find((known) => known === type) ??
    'document'
  );
}

/** The fields between `---` lines at the very beginning, and where the text begins. What is no YAML object is text. */
export function frontMatter(content: string): { fields: JsonObject; begin: number } {
  const mark = content.startsWith('\uFEFF') ? 1 : 0;
  const head = content.slice(mark, mark + MAX_FRONT_MATTER);
  const [whole, yaml] = /^---[ \t]*\r?\n([\s\S]*?)(?<=\n)---[ \t]*(?:\r?\n|$)/.exec(head) ?? [];
  const fields = yaml === undefined ? undefined : fieldsOf(yaml);
  return fields === undefined ? { fields: {}, begin: mark } : { fields, begin: mark + whole!.length };
}

function fieldsOf(yaml: string): JsonObject | undefined {
  if (yaml.trim() === '') return {};
  try {
    const value = load(yaml, { schema: CORE_SCHEMA });
    const budget = { values: MAX_VALUES };
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    count(value, budget);
    assertStorable(value);
    return value as JsonObject;
  } catch (error) {
    if (error instanceof DomainError || error instanceof RangeError || (error as Error).name === 'YAMLException')
      return undefined;
    throw error;
  }
}

/** Aliases make a small text a value without end. */
function count(value: unknown, budget: { values: number }): void {
  if ((budget.values -= 1) < 0) throw new RangeError('The front matter holds too much');
  if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) count(item, budget);
}
