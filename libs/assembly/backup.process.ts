import { setPriority } from 'node:os';
import { runTask, type Task } from '#backup';
import { backupKnowledge } from './backup.js';

/** How much a backup of a living database stands back behind those who use it; 19 would be the most. */
const NICE = 10;

process.once('message', (task: Task) => {
  if (task.kind === 'take') setPriority(NICE);
  void runTask(task, backupKnowledge(), (news) => process.send!(news));
});
// Ctrl-C at a terminal reaches this process, too: whoever asked for the work decides.
process.on('SIGINT', () => undefined);
// Nobody is left who would hear what came of it.
process.once('disconnect', () => process.exit());
