// front-doors-only: climbs in by the window. resolvable: leads nowhere.
import { decide } from '../../libs/memories/memory.decider.js';
import { lost } from './nowhere.js';

export const answer = [decide, lost];
