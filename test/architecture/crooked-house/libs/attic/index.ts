// on-the-ladder: a lib that the ladder does not name.
import { word } from '#kernel';

export const forgotten = word;
