// never-sideways: a neighbour on the same rung.
import { open } from '#storage';

export const measured = open;
