import type { ProjectionView } from '#assembly';
import type { ParkedEvent, RebuildReport } from '#projections';
import { EXIT } from '../failure.js';
import { takesTarget } from '../options.js';
import { count, duration, Progress } from '../progress.js';
import type { Desk } from '../projections/desk.js';
import { answer, type Call, type Verb, type VerbGroup } from '../verb.js';

const list: Verb = {
  name: 'list',
  description: 'Every projection: how far it is, how it stands, how many rows it has.',
  example: 'abathur projections list --json',
  declare: takesTarget,
  run: (call) =>
    atDesk(call, async (desk) => {
      const projections = await desk.list();
      answer(call, { projections }, projections.map(lineOf).join(''));
      return 0;
    }),
};

const rebuild: Verb = {
  name: 'rebuild',
  description:
    'Rebuild one projection, or all, from the log beside the living one, and exchange what differs. Reads and writes go on.',
  example: 'abathur projections rebuild all --check',
  declare: (command) =>
    void takesTarget(command)
      .argument('<name>', 'a projection, or all')
      .option('--check', 'compare only, exchange nothing; exit code 1: they differ'),
  run: (call) =>
    atDesk(call, async (desk) => {
      const check = call.options['check'] === true;
      const since = performance.now();
      let progress: Progress | undefined;
      let seen = 0;
      const report = await desk.rebuild(call.args[0]!, check, ({ done, total }) => {
        if (total === 0) return;
        progress ??= new Progress(check ? 'Comparing' : 'Rebuilding', total, process.stderr, call.json, { since });
        progress.add(done - seen);
        seen = done;
      });
      progress?.add(report.events - seen);
      progress?.end();
      answer(call, report, sentences(report, check));
      return check && !report.equal ? EXIT.no : 0;
    }),
};

const parked: Verb = {
  name: 'parked',
  description:
    'Events that a projection could not digest and left aside, with the reason. Exit code 1: there are some.',
  example: 'abathur projections parked activity',
  declare: (command) => void takesTarget(command).argument('<name>', 'a projection'),
  run: (call) =>
    atDesk(call, async (desk) => {
      const events = await desk.parked(call.args[0]!);
      answer(call, { events }, events.length === 0 ? 'None is parked.\n' : events.map(parkedLine).join(''));
      return events.length === 0 ? 0 : EXIT.no;
    }),
};

const retry: Verb = {
  name: 'retry',
  description: 'Try the parked events of a projection again. Exit code 1: some are still parked.',
  example: 'abathur projections retry activity',
  declare: (command) => void takesTarget(command).argument('<name>', 'a projection'),
  run: (call) =>
    atDesk(call, async (desk) => {
      const tried = await desk.retry(call.args[0]!);
      answer(call, tried, `${count(tried.digested)} of ${count(tried.retried)} parked events went well.\n`);
      return tried.digested === tried.retried ? 0 : EXIT.no;
    }),
};

const park: Verb = {
  name: 'park',
  description:
    'Leave the event aside that a projection has stopped at, so that it goes on without it; retry tries it again. On the file, also while a server has it open.',
  example: 'abathur projections park activity',
  declare: (command) => void command.argument('<name>', 'a projection').option('--file [path]', 'the database'),
  async run(call) {
    const [{ readConfig }, { deskOnFile }, { Interrupt }] = await Promise.all([
      import('#assembly'),
      import('../projections/on-file.js'),
      import('../interrupt.js'),
    ]);
    const { file } = call.options as { file?: string | true };
    const path = typeof file === 'string' ? file : readConfig(process.env).ABATHUR_DB_PATH;
    const interrupt = new Interrupt();
    try {
      const left = await deskOnFile(path, interrupt).leaveAside(call.args[0]!);
      const { position, type, reason } = left;
      answer(
        call,
        left,
        `The ${type} at ${position} is left aside: ${reason}\nabathur projections retry tries it again.\n`,
      );
      return 0;
    } finally {
      interrupt.off();
    }
  },
};

export const projections: VerbGroup = {
  name: 'projections',
  description: 'Tables derived from the log: how they stand, and making them anew.',
  verbs: [list, rebuild, parked, retry, park],
};

/** Through the server that has the file open, or on the file. */
async function atDesk(call: Call, work: (desk: Desk) => Promise<number>): Promise<number> {
  const [{ target }, { Interrupt }] = await Promise.all([import('../target.js'), import('../interrupt.js')]);
  const interrupt = new Interrupt();
  try {
    const of = await target(call, interrupt.signal);
    if (of.kind === 'server') {
      const { deskOnServer } = await import('../projections/on-server.js');
      return await work(deskOnServer(of.rest, interrupt));
    }
    const { deskOnFile } = await import('../projections/on-file.js');
    return await work(deskOnFile(of.path, interrupt));
  } finally {
    interrupt.off();
  }
}

function lineOf({ name, mode, position, lag, status, reason, parked: left, rows }: ProjectionView): string {
  const place = `at ${count(position)}${lag === 0 ? '' : `, ${count(lag)} behind`}`;
  const trouble = reason !== null ? `: ${reason}` : left > 0 ? `: ${count(left)} events` : '';
  return `${name.padEnd(16)} ${mode.padEnd(8)} ${place.padEnd(26)} ${`${count(rows)} rows`.padEnd(16)} ${status}${trouble}\n`;
}

const parkedLine = ({ position, type, reason, attempts, parked_at }: ParkedEvent): string =>
  `${position} ${type}: ${reason} (tried ${attempts} times, last ${parked_at})\n`;

function sentences(report: RebuildReport, check: boolean): string {
  const { events, seconds, equal, differences, exchanged, writes_waited, parked: left } = report;
  const rate = seconds > 0 ? `, ${count(Math.round(events / seconds))}/s` : '';
  const lines = [`${count(events)} events replayed and compared in ${duration(seconds)}${rate}.`];
  if (equal) lines.push('The tables are row for row what the log makes of them.');
  for (const { table, surplus, missing, changed } of differences) {
    lines.push(`  ${table}: ${count(changed)} changed, ${count(missing)} missing, ${count(surplus)} too many`);
  }
  if (!equal && check) lines.push('Nothing was exchanged: abathur projections rebuild does it.');
  if (exchanged.length > 0) lines.push(`Exchanged ${exchanged.join(', ')}; writes waited ${duration(writes_waited)}.`);
  if (left > 0) lines.push(`${count(left)} events are parked: abathur projections parked tells why.`);
  return `${lines.join('\n')}\n`;
}
