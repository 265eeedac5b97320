// pure-core: the kernel reads files. never-up: it knows what lies above it.
import { readFileSync } from 'node:fs';
import { open } from '#storage';

export const started = (): string => readFileSync(open, 'utf8');
