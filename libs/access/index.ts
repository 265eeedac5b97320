export { macOf, makeKey, matches, readKey, type SpelledKey } from './key.js';
export { judge, visibleTo, type Scope, type Verdict } from './policy.js';
export { ROLES, type Bound, type Principal, type Right, type Role } from './principal.js';
export { seesNamespace, seesSession } from './visible.js';
