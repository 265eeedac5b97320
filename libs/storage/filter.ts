import { canonicalJson, invalid, type Json } from '#kernel';
import { join, sql, type Sql } from './sql.js';

/**
 * Filters as clients know them: `{ field: value }`, `{ field: { gt: 3 } }`, `AND`, `OR`, `NOT`; operators with or
 * without `$`. An unknown operator or field is refused by name. Nothing is dropped, nothing is relaxed:
 *
 * - `ne` and `nin` match a missing field, every other operator does not; `NOT` matches whatever its filter does not;
 * - a range matches numbers with numbers and strings with strings, never `null`;
 * - equality is that of JSON: `1`, `"1"` and `true` are three values.
 */
export type Filter = Json;

/** Where a field is kept: a column of its own, or a path into a JSON column. */
export type Field = { column: string } | { json: string; path: string[] };

const OPERATORS = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin', 'exists', 'contains'] as const;
type Operator = (typeof OPERATORS)[number];

/** Most conditions in one filter. */
const MAX_CONDITIONS = 200;

/** Compiles a filter into a condition; `fieldOf` knows the fields, and returns `undefined` for one it does not. */
export function compileFilter(filter: Filter, fieldOf: (name: string) => Field | undefined, allowed: string): Sql {
  let conditions = 0;

  const tree = (node: Json, at: string): Sql => {
    if (typeof node !== 'object' || node === null || Array.isArray(node)) throw invalid(at, 'must be an object');
    const parts = Object.entries(node).map(([name, value]) => {
      const where = `${at}.${name}`;
      switch (name.replace(/^\$/, '').toUpperCase()) {
        case 'AND':
          return branches(value, where, ' AND ', '1');
        case 'OR':
          return branches(value, where, ' OR ', '0');
        case 'NOT':
          // Not true, rather than NOT: of a missing field SQL knows neither.
          return sql`(${Array.isArray(value) ? branches(value, where, ' AND ', '1') : tree(value, where)} IS NOT 1)`;
        default:
          return condition(name, value, where);
      }
    });
    return parenthesised(join(parts, ' AND ', '1'));
  };

  const branches = (nodes: Json, at: string, separator: string, empty: string): Sql => {
    if (!Array.isArray(nodes)) throw invalid(at, 'must be a list of filters');
    return parenthesised(
      join(
        nodes.map((node, index) => tree(node, `${at}[${index}]`)),
        separator,
        empty,
      ),
    );
  };

  const condition = (name: string, value: Json, at: string): Sql => {
    const field = fieldOf(name);
    if (field === undefined) throw invalid(at, `"${name}" is not a field to filter by`, `Fields: ${allowed}.`);
    const tests = isOperators(value) ? Object.entries(value) : [['eq', value] as const];
    if (tests.length === 0) throw invalid(at, 'names no operator', `Operators: ${OPERATORS.join(', ')}.`);
    return parenthesised(
      join(
        tests.map(([operator, operand]) => {
          if (++conditions > MAX_CONDITIONS) throw invalid('filter', `has more than ${MAX_CONDITIONS} conditions`);
          return compare(field, operatorOf(operator, at), operand, `${at}.${operator}`);
        }),
        ' AND ',
        '1',
      ),
    );
  };

  return tree(filter, 'filter');
}

/** An object in a field's place holds operators; to compare with an object, say `{ eq: { … } }`. */
const isOperators = (value: Json): value is { [operator: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function operatorOf(name: string, at: string): Operator {
  const operator = OPERATORS.find((known) => known === name.replace(/^\$/, ''));
  if (operator === undefined)
    throw invalid(`${at}.${name}`, `"${name}" is not an operator`, `Operators: ${OPERATORS.join(', ')}.`);
  return operator;
}

function compare(field: Field, operator: Operator, operand: Json, at: string): Sql {
  switch (operator) {
    case 'eq':
      return equal(field, operand);
    case 'ne':
      return sql`(${equal(field, operand)} IS NOT 1)`;
    case 'in':
      return anyOf(field, operand, at);
    case 'nin':
      return sql`(${anyOf(field, operand, at)} IS NOT 1)`;
    case 'exists':
      if (typeof operand !== 'boolean') throw invalid(at, 'must be true or false');
      return operand ? sql`(${typeOf(field)} IS NOT NULL)` : sql`(${typeOf(field)} IS NULL)`;
    case 'contains':
      return contains(field, operand, at);
    default:
      return range(field, operator, operand, at);
  }
}

function equal(field: Field, operand: Json): Sql {
  if (operand === null) return sql`(${typeOf(field)} = 'null')`;
  if (typeof operand === 'boolean') return sql`(${typeOf(field)} = ${String(operand)})`;
  if (typeof operand === 'number') return sql`(${isNumber(field)} AND ${valueOf(field)} = ${operand})`;
  if (typeof operand === 'string') return sql`(${typeOf(field)} = 'text' AND ${valueOf(field)} = ${operand})`;
  // Stored JSON is canonical, so equal documents are equal texts.
  return sql`(${typeOf(field)} = ${Array.isArray(operand) ? 'array' : 'object'} AND ${valueOf(field)} = ${canonicalJson(operand)})`;
}

function anyOf(field: Field, operand: Json, at: string): Sql {
  if (!Array.isArray(operand)) throw invalid(at, 'must be a list of values');
  if (operand.length > MAX_CONDITIONS) throw invalid(at, `lists more than ${MAX_CONDITIONS} values`);
  return parenthesised(
    join(
      operand.map((value) => equal(field, value)),
      ' OR ',
      '0',
    ),
  );
}

const SIGNS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

function range(field: Field, operator: keyof typeof SIGNS, operand: Json, at: string): Sql {
  const sign: Sql = { text: SIGNS[operator], params: [] };
  if (typeof operand === 'number') return sql`(${isNumber(field)} AND ${valueOf(field)} ${sign} ${operand})`;
  if (typeof operand === 'string') return sql`(${typeOf(field)} = 'text' AND ${valueOf(field)} ${sign} ${operand})`;
  throw invalid(at, 'must be a number or a string');
}

/** A text contains a part of it; a list contains an element. */
function contains(field: Field, operand: Json, at: string): Sql {
  const inText =
    typeof operand === 'string'
      ? sql`(${typeOf(field)} = 'text' AND instr(${valueOf(field)}, ${operand}) > 0)`
      : sql`0`;
  if ('column' in field) {
    if (typeof operand !== 'string') throw invalid(at, 'must be a string');
    return inText;
  }
  const element: Field = { column: 'element.value' };
  const type: Sql = { text: 'element.type', params: [] };
  return sql`(${inText} OR (${typeOf(field)} = 'array' AND EXISTS (
    SELECT 1 FROM json_each(${raw(field.json)}, ${pathOf(field.path)}) AS element
    WHERE ${equalElement(element, type, operand)})))`;
}

function equalElement(element: Field, type: Sql, operand: Json): Sql {
  if (operand === null) return sql`${type} = 'null'`;
  if (typeof operand === 'boolean') return sql`${type} = ${String(operand)}`;
  if (typeof operand === 'number') return sql`(${type} IN ('integer', 'real') AND ${valueOf(element)} = ${operand})`;
  if (typeof operand === 'string') return sql`(${type} = 'text' AND ${valueOf(element)} = ${operand})`;
  return sql`(${type} IN ('array', 'object') AND ${valueOf(element)} = ${canonicalJson(operand)})`;
}

const raw = (text: string): Sql => ({ text, params: [] });

const valueOf = (field: Field): Sql =>
  'column' in field ? raw(field.column) : sql`json_extract(${raw(field.json)}, ${pathOf(field.path)})`;

/** JSON's type of a field; NULL when it is missing. A column that is NULL is missing. */
const typeOf = (field: Field): Sql =>
  'column' in field
    ? raw(`nullif(typeof(${field.column}), 'null')`)
    : sql`json_type(${raw(field.json)}, ${pathOf(field.path)})`;

const isNumber = (field: Field): Sql => sql`${typeOf(field)} IN ('integer', 'real')`;

const pathOf = (path: string[]): string => `$${path.map((name) => `."${name}"`).join('')}`;

const parenthesised = (condition: Sql): Sql => sql`(${condition})`;
