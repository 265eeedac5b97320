import type { AuditEvent, Change, Link, Thing, Why } from '#audit-log';
import type { RevertResult } from '#assembly/module';

/** Entries as lines: where, when, what, by whom, to what. */
export const lineOf = ({ position, time, type, actor, stream, memory_operation }: AuditEvent): string =>
  `${String(position).padStart(8)}  ${time}  ${(memory_operation ?? '').padEnd(8)}${type.padEnd(22)} ${actor.padEnd(16)} ${stream}\n`;

export function entryText(event: AuditEvent): string {
  const { data, ...fields } = event;
  const lines = Object.entries(fields)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.padEnd(18)}${value}`);
  return `${lines.join('\n')}\n${data === null ? 'data was erased' : JSON.stringify(data, undefined, 2)}\n`;
}

export function changeText(change: Change): string {
  const { from_version, to_version, patch } = change;
  const versions =
    change.change === 'changed'
      ? ` (version ${from_version} to ${to_version})`
      : ` (version ${to_version ?? from_version})`;
  const lines =
    change.change === 'changed'
      ? patch.map(
          (operation) =>
            `    ${operation.op} ${operation.path}${'value' in operation ? ` ${JSON.stringify(operation.value)}` : ''}\n`,
        )
      : [];
  return `${change.change.padEnd(8)} ${nameOf(change)}${versions}\n${lines.join('')}`;
}

export function whyText({ stream, events, came_from, led_to, truncated }: Why): string {
  const happened = events.map(
    ({ position, time, type, actor, operation }) =>
      `  ${String(position).padStart(8)}  ${time}  ${type.padEnd(20)} ${actor.padEnd(16)} operation ${operation}\n`,
  );
  const links = (title: string, found: Link[]): string =>
    found.length === 0 ? '' : `${title}\n${found.map(linkText).join('')}`;
  return [
    `${stream}\n${happened.join('')}`,
    links('It came from', came_from),
    links('It led to', led_to),
    truncated ? 'There is more than was followed.\n' : '',
  ].join('');
}

const linkText = (link: Link): string =>
  `${'  '.repeat(link.depth)}${link.relation} ${nameOf(link)}${link.version === null ? '' : ` version ${link.version}`}, said at ${link.said_at} (operation ${link.operation})\n`;

export function revertText(result: RevertResult): string {
  const { operation, reverted_by, already, events, dry_run, taken_back, kept, refused } = result;
  if (already) return `${operation} was taken back before, by ${reverted_by}. There is nothing left to do.\n`;
  if (refused.length > 0) {
    const lines = refused.map(
      ({ position, type, stream, what, because }) =>
        `  ${type} at ${position}, ${stream}: ${what}${because.map((other) => `\n    ${other.type} at ${other.position} (${other.correlation_id})`).join('')}\n`,
    );
    return `${operation} cannot be taken back:\n${lines.join('')}`;
  }
  const lines = [
    ...taken_back.map(({ stream, what }) => `  ${stream}: ${what}\n`),
    ...kept.map(({ type, position, what }) => `  ${type} at ${position} stays: ${what}\n`),
  ];
  const title = dry_run
    ? `${operation} would be taken back by ${events} new events`
    : `${operation} is taken back by ${events} new events, under ${reverted_by}`;
  return `${title}:\n${lines.join('')}`;
}

const nameOf = ({ kind, namespace, key, ...names }: Thing): string => {
  const id =
    namespace === undefined
      ? (names.session_id ?? names.task_id ?? names.agent_id ?? names.file_path ?? names.id)
      : `${namespace}/${key}`;
  return `${kind} ${id}`;
};
