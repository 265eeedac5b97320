import { randomOf } from './random.js';

/** A request as one visitor makes it. */
export interface Asked {
  /** What it is counted as. */
  kind: string;
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  body?: object;
  /** Looks at the answer, where the next request depends on it. */
  heard?: (answer: unknown) => void;
}

/** Out of a hundred requests, so many are of each kind: agents read more than they write, and search with each turn. */
const MIX: [
  kind: keyof Pick<
    Visitor,
    'say' | 'read' | 'recall' | 'keep' | 'list' | 'keyword' | 'semantic' | 'hybrid' | 'context' | 'work'
  >,
  share: number,
][] = [
  ['say', 20],
  ['read', 18],
  ['recall', 20],
  ['keep', 12],
  ['list', 6],
  ['keyword', 5],
  ['semantic', 5],
  ['hybrid', 6],
  ['context', 4],
  ['work', 4],
];
/** A conversation ends after so many turns, and another begins. */
const TURNS = 60;
/** Memories that a visitor keeps; further writes make versions of these. */
const KEYS = 40;

const SUBJECTS =
  'Anna|the team|her brother|the customer|a neighbour|the driver|our guide|the nurse|my cousin|the chef'.split('|');
const VERBS = 'prefers|forgot|ordered|repaired|moved to|asked about|returned|paid for|described|cancelled'.split('|');
const OBJECTS =
  'the green bicycle|a table by the window|two train tickets|the second invoice|an old camera|the garden house|a vegetarian lunch|the morning shift|a book on rivers|the blue lamp'.split(
    '|',
  );
const WHEN =
  'on Monday|last week|in the evening|before noon|twice this year|in the rain|after the meeting|at the station'.split(
    '|',
  );

/**
 * One user of an agent, with one session at a time: does now this, now that, as its random numbers say. What it asks
 * for later stands on what it has heard, so that a request that was shed is no reason for a later one to fail.
 */
export class Visitor {
  private readonly random: () => number;
  private session: string | undefined;
  private sessions = 0;
  private turns = 0;
  private kept = false;
  private task: { id: string; claimed: boolean } | undefined;
  private readonly user: string;

  constructor(
    run: string,
    number: number,
    private readonly app: string,
    seed: number,
  ) {
    this.random = randomOf(seed + number * 7919);
    this.user = `traffic-${run}-${number}`;
  }

  /** The next request. */
  next(): Asked {
    if (this.session === undefined) return this.begin();
    if (this.turns >= TURNS) return this.end();
    let left = this.random() * 100;
    const [kind] = MIX.find(([, share]) => (left -= share) < 0) ?? MIX[0]!;
    if (kind === 'recall' && !this.kept) return this.keep();
    return this[kind]();
  }

  private begin(): Asked {
    const id = `${this.user}-${++this.sessions}`;
    return {
      kind: 'open a session',
      method: 'POST',
      path: '/v1/sessions',
      body: { session_id: id, app_name: this.app, user_id: this.user, initial_state: { topic: this.pick(OBJECTS) } },
      heard: () => {
        this.session = id;
        this.turns = 0;
      },
    };
  }

  private end(): Asked {
    const path = `/v1/sessions/${this.session}/status`;
    this.session = undefined;
    return { kind: 'end a session', method: 'PUT', path, body: { status: 'terminated' } };
  }

  say(): Asked {
    this.turns += 1;
    return {
      kind: 'append an event',
      method: 'POST',
      path: `/v1/sessions/${this.session}/events`,
      body: {
        event_type: 'message',
        actor: this.turns % 2 === 0 ? 'assistant' : 'user',
        content: { text: this.sentence() },
        state_delta: { turn: this.turns },
      },
    };
  }

  read(): Asked {
    return { kind: 'read a session', method: 'GET', path: `/v1/sessions/${this.session}?num_recent_events=20` };
  }

  keep(): Asked {
    // The first one is the one that is recalled.
    const key = this.kept ? `k${Math.floor(this.random() * KEYS)}` : 'k0';
    return {
      kind: 'write a memory',
      method: 'PUT',
      path: this.addressOf(key),
      body: { value: { text: this.sentence() }, metadata: { source: 'traffic' } },
      heard: () => (this.kept = true),
    };
  }

  recall(): Asked {
    return { kind: 'read a memory', method: 'GET', path: this.addressOf('k0') };
  }

  list(): Asked {
    return {
      kind: 'list a namespace',
      method: 'GET',
      path: `/v1/memories?namespace_prefix=user:${this.user}&limit=20`,
    };
  }

  keyword(): Asked {
    return this.search('keyword', 'search by words');
  }

  semantic(): Asked {
    return this.search('semantic', 'search by meaning');
  }

  hybrid(): Asked {
    return this.search('hybrid', 'search by both');
  }

  context(): Asked {
    return {
      kind: 'make a context',
      method: 'POST',
      path: '/v1/context',
      body: { session_id: this.session, query: this.sentence(), token_budget: 1000, record: false },
    };
  }

  work(): Asked {
    const { task } = this;
    // Tasks are of a type that is this visitor's own: a claim gets the one it has just submitted, or none.
    const type = this.user;
    if (task === undefined) {
      const id = `${this.user}-t${Math.floor(this.random() * 1e9)}`;
      return {
        kind: 'submit a task',
        method: 'POST',
        path: '/v1/tasks',
        body: { task_id: id, prompt: this.sentence(), agent_type: type, session_id: this.session },
        heard: () => (this.task = { id, claimed: false }),
      };
    }
    if (!task.claimed) {
      return {
        kind: 'claim a task',
        method: 'POST',
        path: '/v1/tasks/claim',
        body: { agent_id: this.user, agent_type: type },
        heard: (answer) => (this.task = answer === null ? undefined : { ...task, claimed: true }),
      };
    }
    return {
      kind: 'complete a task',
      method: 'PUT',
      path: `/v1/tasks/${task.id}/status`,
      body: { status: 'completed', agent_id: this.user, result_data: { done: true } },
      heard: () => (this.task = undefined),
    };
  }

  private search(mode: string, kind: string): Asked {
    const body = { query: this.sentence(), mode, namespace_prefix: `user:${this.user}`, limit: 10 };
    return { kind, method: 'POST', path: '/v1/memories/search', body };
  }

  private addressOf(key: string): string {
    return `/v1/memories/user:${this.user}:notes/${key}`;
  }

  private sentence(): string {
    return `${this.pick(SUBJECTS)} ${this.pick(VERBS)} ${this.pick(OBJECTS)} ${this.pick(WHEN)}, number ${Math.floor(this.random() * 10_000)}.`;
  }

  private pick(words: string[]): string {
    return words[Math.floor(this.random() * words.length)]!;
  }
}
