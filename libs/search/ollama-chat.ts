import { DomainError } from '#kernel';

/** Asks a language model for an answer of a given shape. */
export interface Chat {
  readonly model: string;
  /** Whatever the model made of it, as JSON; the caller holds it against the schema. Throws when there is no answer. */
  ask(instruction: string, input: string, schema: object): Promise<unknown>;
}

/** A model served by Ollama, through its own client; no answer within the time allowed is a refusal like any other. */
export class OllamaChat implements Chat {
  constructor(
    private readonly host: string,
    readonly model: string,
    private readonly timeout: number,
  ) {}

  async ask(instruction: string, input: string, schema: object): Promise<unknown> {
    const { Ollama } = await import('ollama');
    const signal = AbortSignal.timeout(this.timeout);
    const ollama = new Ollama({
      host: this.host,
      fetch: (url, init) => fetch(url, { ...init, signal, redirect: 'error' }),
    });
    const messages = [
      { role: 'system', content: instruction },
      { role: 'user', content: input },
    ];
    const request = { model: this.model, messages, format: schema, options: { temperature: 0 } };
    const answer: unknown = await ollama.chat({ ...request, stream: false }).catch((error: unknown) => {
      throw this.explained(error);
    });
    const content = (answer as { message?: { content?: unknown } } | null)?.message?.content;
    if (typeof content !== 'string') throw this.unusable('answered without a message');
    try {
      return JSON.parse(content);
    } catch {
      throw this.unusable('did not answer with JSON');
    }
  }

  private explained(error: unknown): DomainError {
    const { status_code: status, name, message } = error as { status_code?: number; name: string; message: string };
    if (name === 'TimeoutError' || name === 'AbortError')
      return this.unusable(`did not answer within ${this.timeout} ms`);
    if (status === 404) {
      return unavailable(`Ollama at ${this.host} does not have the model ${this.model}.`, `ollama pull ${this.model}`);
    }
    if (status !== undefined) return unavailable(`Ollama at ${this.host} answered ${status}: ${message}`);
    return unavailable(`Ollama at ${this.host} did not answer: ${message}`, 'Start it with: ollama serve');
  }

  private unusable(what: string): DomainError {
    return unavailable(`The model ${this.model} ${what}.`);
  }
}

const unavailable = (message: string, hint?: string): DomainError =>
  new DomainError('unavailable', 'model-unavailable', message, { hint, retry_after: 5 });
