/** A value that SQLite can bind. Booleans and objects are the caller's to spell (0/1, JSON text). */
export type SqlValue = string | number | bigint | Buffer | null;

/** SQL with its values beside it: never one inside the other. */
export interface Sql {
  text: string;
  params: SqlValue[];
}

/**
 * How a value is spelled. The plus changes nothing but this: of `column = ?` in a query with ORDER BY, SQLite thinks that
 * another value might deserve another plan, and compiles the statement anew for every value, which costs ten times what
 * running it does. Of an expression it does not think so.
 */
export const VALUE = '+?';

/**
 * SQL written as SQL: sql`SELECT … WHERE key = ${key}`. Each `${…}` becomes a bound parameter; an {@link Sql} inside
 * is spliced with its own parameters, so conditions can be composed.
 */
export function sql(strings: TemplateStringsArray, ...values: (SqlValue | Sql)[]): Sql {
  if (!values.some(isSql)) return { text: plainText(strings), params: values as SqlValue[] };
  let text = strings[0]!;
  const params: SqlValue[] = [];
  values.forEach((value, index) => {
    if (isSql(value)) {
      text += value.text;
      params.push(...value.params);
    } else {
      text += VALUE;
      params.push(value);
    }
    text += strings[index + 1]!;
  });
  return { text, params };
}

/** Joins conditions with AND; no conditions is always true. */
export function and(conditions: Sql[]): Sql {
  return join(conditions, ' AND ', '1');
}

export function join(parts: Sql[], separator: string, empty: string): Sql {
  if (parts.length === 0) return { text: empty, params: [] };
  return { text: parts.map(({ text }) => text).join(separator), params: parts.flatMap(({ params }) => params) };
}

const isSql = (value: SqlValue | Sql): value is Sql => typeof value === 'object' && value !== null && 'text' in value;

// A template's strings are the same object at every call: its text is joined once.
const texts = new WeakMap<TemplateStringsArray, string>();
function plainText(strings: TemplateStringsArray): string {
  let text = texts.get(strings);
  if (text === undefined) texts.set(strings, (text = strings.join(VALUE)));
  return text;
}
