import { readFileSync } from 'node:fs';
import { DomainError, identifier, memoryKey, namespace } from '#kernel';
import { EXIT, Failure } from '../failure.js';

/** One thing that somebody said. */
export interface Turn {
  id: string;
  speaker: string;
  text: string;
  image_caption?: string;
}

export interface ConversationSession {
  session: string;
  /** As the file has it. */
  date_time: string;
  /** `date_time` as ISO-8601, read as UTC: the file names no zone. */
  begins: string;
  turns: Turn[];
}

/** A conversation over several sessions, between the same speakers. */
export interface Conversation {
  sample_id: string;
  speakers: string[];
  sessions: ConversationSession[];
}

/** Reads a file of conversations; what is not of their shape is refused with its path in the file. */
export function readConversations(file: string): Conversation[] {
  return toConversations(parse(readFile(file), file), file);
}

function readFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'There is no file' : code === 'EISDIR' ? 'A directory, not a file, is' : undefined;
    throw new Failure(
      EXIT.noInput,
      'no-file',
      why === undefined ? `${file} cannot be read (${code}).` : `${why} ${file}.`,
      'Name a JSON file of conversations, for instance test/fixtures/conversations.sample.json.',
    );
  }
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrongShape(file, `is not JSON (${(error as Error).message})`);
  }
}

function toConversations(json: unknown, file: string): Conversation[] {
  const at = new Place(file, '', json);
  const conversations = at.list().map(toConversation);
  at.distinct(conversations.map(({ sample_id }) => sample_id));
  return conversations;
}

function toConversation(at: Place): Conversation {
  const sample_id = at.field('sample_id').checkedText((text) => {
    identifier(text, 'sample_id');
    namespace(namespaceOf(text), 'sample_id');
    if (text.includes(':')) throw new Error('must not hold a colon: it becomes one segment of a namespace');
  });
  const speakers = at
    .field('speakers')
    .list()
    .map((speaker) => speaker.text());
  const sessions = at.field('sessions').list().map(toSession);
  at.field('sessions').distinct(sessions.map(({ session }) => session));
  at.field('sessions').distinct(sessions.flatMap(({ turns }) => turns.map(({ id }) => id)));
  return { sample_id, speakers, sessions };
}

function toSession(at: Place): ConversationSession {
  const number = at.field('session');
  const session = typeof number.value === 'number' ? String(number.value) : number.text();
  const dateTime = at.field('date_time');
  const date_time = dateTime.text();
  const begins = toTime(date_time);
  if (begins === undefined) throw dateTime.refused('is not a time such as "1:56 pm on 8 May, 2023" or an ISO-8601 one');
  return { session, date_time, begins, turns: at.field('turns').list().map(toTurn) };
}

function toTurn(at: Place): Turn {
  const caption = at.field('image_caption');
  return {
    id: at.field('id').checkedText((text) => memoryKey(text, 'id')),
    speaker: at.field('speaker').checkedText((text) => identifier(`agent:${text}`, 'speaker')),
    text: at.field('text').text(),
    ...(caption.value === undefined || caption.value === null ? {} : { image_caption: caption.text() }),
  };
}

export const namespaceOf = (sampleId: string): string => `project:${sampleId}:turns`;

const MONTHS = 'january february march april may june july august september october november december'.split(' ');

/** "1:56 pm on 8 May, 2023" or ISO-8601 as ISO-8601 UTC; `undefined` for anything else. */
export function toTime(text: string): string | undefined {
  const spoken = /^(\d{1,2}):(\d{2}) ([ap])m on (\d{1,2}) (\w+),? (\d{4})$/i.exec(text);
  if (spoken === null) {
    const iso = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text)
      ? Date.parse(text)
      : NaN;
    return Number.isNaN(iso) ? undefined : new Date(iso).toISOString();
  }
  const [, hour, minute, half, day, name, year] = spoken;
  const month = MONTHS.indexOf(name!.toLowerCase());
  const hours = (Number(hour) % 12) + (half!.toLowerCase() === 'p' ? 12 : 0);
  if (month < 0 || Number(hour) < 1 || Number(hour) > 12 || Number(minute) > 59) return undefined;
  const time = new Date(Date.UTC(Number(year), month, Number(day), hours, Number(minute)));
  return time.getUTCDate() === Number(day) ? time.toISOString() : undefined;
}

const wrongShape = (where: string, what: string): Failure =>
  new Failure(
    EXIT.data,
    'wrong-shape',
    `${where} ${what}.`,
    'Shape: [{ sample_id, speakers, sessions: [{ session, date_time, turns: [{ id, speaker, text, image_caption? }] }] }]; test/fixtures/conversations.sample.json is an example.',
  );

/** A value in the file and the way to it, so that whoever wrote the file finds what is wrong. */
class Place {
  constructor(
    private readonly file: string,
    private readonly path: string,
    readonly value: unknown,
  ) {}

  field(name: string): Place {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      throw this.refused('must be an object');
    }
    const path = this.path === '' ? name : `${this.path}.${name}`;
    return new Place(this.file, path, (this.value as Record<string, unknown>)[name]);
  }

  list(): Place[] {
    if (!Array.isArray(this.value)) throw this.refused('must be a list');
    return this.value.map((item, index) => new Place(this.file, `${this.path}[${index}]`, item));
  }

  text(): string {
    if (this.value === undefined) throw this.refused('is missing');
    if (typeof this.value !== 'string') throw this.refused('must be a string');
    if (!this.value.isWellFormed() || this.value.includes('\0')) throw this.refused('is not text that can be stored');
    return this.value;
  }

  /** A text that a check of the domain accepts. */
  checkedText(check: (text: string) => unknown): string {
    const text = this.text();
    try {
      check(text);
    } catch (error) {
      const { message } = error as Error;
      throw this.refused(error instanceof DomainError ? (error.details.errors?.[0]?.detail ?? message) : message);
    }
    return text;
  }

  distinct(names: string[]): void {
    const twice = names.find((name, index) => names.indexOf(name) < index);
    if (twice !== undefined) throw this.refused(`holds "${twice}" twice`);
  }

  refused(what: string): Failure {
    return wrongShape(`${this.file}: ${this.path === '' ? 'the whole' : this.path}`, what);
  }
}
