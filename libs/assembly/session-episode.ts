import type { Json, JsonObject } from '#kernel';
import type { Session, SessionEventView } from '#sessions';

/** What is kept of a session that has ended, and where in the log it was said. */
export interface SessionEpisode {
  title: string;
  summary: string;
  /** Sentences that tell most, in the order in which they were said. */
  highlights: string[];
  participants: string[];
  tools: string[];
  started_at: string;
  ended_at: string;
  event_count: number;
}

const MAX_HIGHLIGHTS = 8;
const MAX_SENTENCE = 240;
const MAX_NAMES = 10;
/** Characters of one event that are read. */
const MAX_TEXT = 4_000;

/** What somebody decided, asked for, or said of themselves. */
const TELLING =
  /\b(decid|agree|chose|choose|prefer|remember|always|never|must|need|want|like|love|hate|will|deadline|plan|because|important|my name)/i;

/** Sums a session up, by rule: the same events give the same episode. `events` may leave out the middle of a long session. */
export function summarise(
  { app_name, event_count }: Pick<Session, 'app_name' | 'event_count'>,
  events: SessionEventView[],
): { episode: SessionEpisode; positions: number[] } | null {
  const first = events[0];
  const last = events.at(-1);
  if (first === undefined || last === undefined) return null;
  const chosen = highlightsOf(events);
  const participants = namesByCount(events.map(({ actor }) => actor));
  const tools = namesByCount(
    events.filter(({ event_type }) => event_type === 'tool_call').map(({ content }) => toolOf(content)),
  );
  const opening = events.find((event) => event.actor === 'user' && textOf(event.content) !== '') ?? first;
  const subject = sentencesOf(textOf(opening.content))[0] ?? 'without words';
  const episode: SessionEpisode = {
    title: `${app_name}: ${cut(subject, 100)}`,
    summary: summaryOf(events, event_count, participants, tools),
    highlights: chosen.map(({ sentence }) => sentence),
    participants,
    tools,
    started_at: first.timestamp,
    ended_at: last.timestamp,
    event_count,
  };
  return { episode, positions: [...new Set(chosen.map(({ position }) => position))] };
}

function summaryOf(events: SessionEventView[], count: number, participants: string[], tools: string[]): string {
  const minutes = Math.max(
    0,
    Math.round((Date.parse(events.at(-1)!.timestamp) - Date.parse(events[0]!.timestamp)) / 60_000),
  );
  const used = tools.length === 0 ? '' : ` Tools: ${tools.join(', ')}.`;
  const final = events.findLast(({ is_final_response, content }) => is_final_response && textOf(content) !== '');
  const end = final === undefined ? '' : ` It ended with: ${cut(textOf(final.content), MAX_SENTENCE)}`;
  return `${participants.join(', ')}: ${count} events in ${minutes} minutes.${used}${end}`;
}

interface Highlight {
  sentence: string;
  position: number;
  weight: number;
  place: number;
}

function highlightsOf(events: SessionEventView[]): Highlight[] {
  const firstWords = events.find(({ actor }) => actor === 'user')?.position;
  const found = events.flatMap(({ content, actor, event_type, is_final_response, position }, index) =>
    sentencesOf(textOf(content)).map((sentence, within): Highlight => {
      const telling = TELLING.test(sentence) ? 3 : 0;
      const weight =
        telling +
        (telling > 0 && actor === 'user' ? 2 : 0) +
        (is_final_response ? 2 : 0) +
        (event_type === 'action' || event_type === 'reflection' ? 1 : 0) +
        (position === firstWords && within === 0 ? 2 : 0) -
        (sentence.endsWith('?') ? 1 : 0);
      return { sentence: cut(sentence, MAX_SENTENCE), position, weight, place: index * 1000 + within };
    }),
  );
  const said = new Set<string>();
  return found
    .toSorted((a, b) => b.weight - a.weight || a.place - b.place)
    .filter(({ sentence, weight }) => weight > 0 && said.size !== said.add(sentence).size)
    .slice(0, MAX_HIGHLIGHTS)
    .toSorted((a, b) => a.place - b.place);
}

/** Names, the most frequent first, with how often where that is more than once. */
function namesByCount(names: string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, MAX_NAMES)
    .map(([name]) => cut(name, 100));
}

function toolOf(content: JsonObject): string {
  const name = content['tool'] ?? content['tool_name'] ?? content['name'];
  return typeof name === 'string' && name !== '' ? name : 'unnamed';
}

/** What was said: the usual fields first, else whatever text there is. */
export function textOf(content: JsonObject): string {
  for (const field of ['text', 'message', 'content', 'summary']) {
    const text = content[field];
    if (typeof text === 'string') return text.slice(0, MAX_TEXT).toWellFormed();
  }
  const found: string[] = [];
  collect(content, found, 0);
  return found.join('\n').slice(0, MAX_TEXT).toWellFormed();
}

function collect(value: Json, found: string[], depth: number): void {
  if (depth > 4 || found.length >= 50) return;
  if (typeof value === 'string') found.push(value.slice(0, MAX_TEXT));
  else if (Array.isArray(value)) for (const item of value) collect(item, found, depth + 1);
  else if (typeof value === 'object' && value !== null)
    for (const item of Object.values(value)) collect(item, found, depth + 1);
}

const sentencesOf = (text: string): string[] =>
  text
    .split(/(?<=[.!?。！？])\s+|\n+/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence.length > 1);

const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).toWellFormed()}…`;
