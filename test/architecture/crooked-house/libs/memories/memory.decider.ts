// rules-speak-kernel: a rule that knows tables.
import { open } from '#storage';

export const decide = (): string => open;
