import { defineRead, type AnyRead, type Read, type Reader, type ReadSide } from '#storage';
import { findMeaning, findWords, type Corpus, type Halves, type TextQuery } from './search.js';

/** Below so many vectors two more trips to a reader cost more than a second reader saves. */
const WORTH_IT = 5_000;

/** A search as a read, and the same with its halves found side by side on two readers. */
export interface HalvedSearch<Input extends TextQuery, Answer> {
  whole: Read<Input, Answer>;
  /** The whole and its halves, for the threads. */
  reads: AnyRead[];
  ask(readers: Pick<ReadSide, 'scan'>, input: Input): Promise<Answer>;
  /** The halves alone, for a read that searches among other things; nothing where that is not worth it. */
  halves(readers: Pick<ReadSide, 'scan'>, input: Input): Promise<Halves | undefined>;
}

export function halved<Input extends TextQuery, Answer>(
  whole: Read<Input, Answer>,
  corpusOf: (db: Reader, input: Input) => Corpus,
): HalvedSearch<Input, Answer> {
  const words = defineRead(`${whole.name}.words`, (db, input: Input) => findWords(db, corpusOf(db, input), input));
  const meaning = defineRead(`${whole.name}.meaning`, (db, input: Input) =>
    findMeaning(db, corpusOf(db, input), input),
  );
  const halves = async (readers: Pick<ReadSide, 'scan'>, input: Input): Promise<Halves | undefined> => {
    if (input.mode !== 'hybrid' || (input.meaning?.model.vectors ?? 0) < WORTH_IT) return undefined;
    const [found, near] = await Promise.all([
      readers.scan(words, { ...input, meaning: undefined }),
      readers.scan(meaning, input),
    ]);
    return { words: found, meaning: near };
  };
  return {
    whole,
    reads: [whole, words, meaning],
    halves,
    ask: async (readers, input) => readers.scan(whole, { ...input, halves: await halves(readers, input) }),
  };
}
