// no-cycles: two files, each of which begins with the other.
import { second } from './second.js';

export const first = (): number => second() + 1;
