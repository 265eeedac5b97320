import { defineRead, type AnyRead, type Read, type Reader, type ReadSide } from '#storage';
import { findMeaning, findWords, type Corpus, type Halves, type TextQuery } from './search.js';

/** Below so many vectors two more trips to a reader cost more than a second reader saves. */
const WORTH_IT = 20_000;

/** A search as a read, and the same with its halves found side by side on two readers. */
export interface HalvedSearch<Input extends TextQuery, Answer> {
  whole: Read<Input, Answer>;
  /** The whole and its halves, for the threads. */
  reads: AnyRead[];
  ask(readers: Pick<ReadSide, 'scan'>, input: Input): Promise<Answer>;
}

export function halved<Input extends TextQuery, Answer>(
  whole: Read<Input, Answer>,
  corpusOf: (db: Reader, input: Input) => Corpus,
): HalvedSearch<Input, Answer> {
  const words = defineRead(`${whole.name}.words`, (db, input: Input) => findWords(db, corpusOf(db, input), input));
  const meaning = defineRead(`${whole.name}.meaning`, (db, input: Input) =>
    findMeaning(db, corpusOf(db, input), input),
  );
  return {
    whole,
    reads: [whole, words, meaning],
    ask: async (readers, input) => {
      if (input.mode !== 'hybrid' || (input.meaning?.model.vectors ?? 0) < WORTH_IT) return readers.scan(whole, input);
      const [found, near] = await Promise.all([
        readers.scan(words, { ...input, meaning: undefined }),
        readers.scan(meaning, input),
      ]);
      const halves: Halves = { words: found, meaning: near };
      return readers.scan(whole, { ...input, halves });
    },
  };
}
