export { decide } from './memory.decider.js';
