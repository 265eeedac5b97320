import type { Sql } from '#storage';

/** A column as a part of a stream's name, encoded as {@link import('#kernel').streamName} does it; a name of our own, never a client's text. */
export const streamPart = (column: string): Sql => ({
  text: `replace(replace(${column}, '%', '%25'), ':', '%3A')`,
  params: [],
});
