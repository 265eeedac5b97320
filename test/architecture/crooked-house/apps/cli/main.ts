// apps-stand-apart: a file of another program.
import { app } from '../api/app.js';

export const other = app;
