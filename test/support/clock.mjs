// A clock that is wrong by as many milliseconds as a file says: node --import, for a program under test and its threads.
import { readFileSync } from 'node:fs';

const file = process.env.CLOCK_FILE;
// Not a setting of the program's.
const off = () => (file === undefined ? 0 : Number(readFileSync(file, 'utf8')));
const Right = Date;
globalThis.Date = class extends Right {
  constructor(...given) {
    if (given.length === 0) super(Right.now() + off());
    else super(...given);
  }

  static now() {
    return Right.now() + off();
  }
};
