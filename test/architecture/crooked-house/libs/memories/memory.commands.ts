// no-own-front-door: goes round by the street.
import { decide } from './index.js';

export const handle = decide;
