import { streamParts } from '#kernel';

/** What a stream is about, in the words that clients know it by. */
export interface Thing {
  /** The first part of its stream's name: `memory`, `session`, `task` … */
  kind: string;
  namespace?: string;
  key?: string;
  session_id?: string;
  task_id?: string;
  agent_id?: string;
  file_path?: string;
  /** Of a kind that has no other name for it. */
  id?: string;
}

type Name = Exclude<keyof Thing, 'kind'>;

const NAMES: Record<string, Name[]> = {
  memory: ['namespace', 'key'],
  session: ['session_id'],
  task: ['task_id'],
  agent: ['agent_id'],
  document: ['file_path'],
};

export function thingOf(stream: string): Thing {
  const [kind, ...parts] = streamParts(stream);
  const names = NAMES[kind];
  if (names?.length !== parts.length) return { kind, id: parts.join(':') };
  return { kind, ...Object.fromEntries(names.map((name, index) => [name, parts[index]!])) };
}
