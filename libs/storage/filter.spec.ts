import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { canonicalJson, DomainError, type Json, type JsonObject } from '#kernel';
import { memoryField } from '../memories/memory.filter.js';
import { Database } from './database.js';
import { compileFilter, type Field, type Filter } from './filter.js';
import { sql } from './sql.js';

/** What is kept: a name and a text in columns of their own, everything else as JSON. */
const documents: { name: string; owner: string | null; data: JsonObject }[] = [
  {
    name: 'one',
    owner: 'alice',
    data: { n: 1, s: 'apple', b: true, list: ['x', 1, null, { k: 1 }], obj: { k: 1, j: [] } },
  },
  { name: 'two', owner: 'bob', data: { n: 2.5, s: 'Banana', b: false, list: [], obj: {} } },
  { name: 'text', owner: 'al%ce', data: { n: '1', s: '', b: 'true', list: 'x', obj: '{"k":1}' } },
  { name: 'null', owner: null, data: { n: null, s: null, b: null, list: null, obj: null } },
  { name: 'swap', owner: 'zoë', data: { n: true, s: 1, b: 1, list: { x: 1 }, obj: [{ k: 1 }] } },
  { name: 'none', owner: 'alice', data: {} },
];
const all = documents.map(({ name }) => name);

const fieldOf = (name: string): Field | undefined => {
  if (name === 'owner') return { column: 'd.owner' };
  return name.startsWith('no_') ? undefined : { json: 'd.data', path: name.split('.') };
};

describe('R-M7 A filter', () => {
  let db: Database;
  beforeAll(() => {
    db = Database.open({ path: ':memory:' });
    db.exec('CREATE TABLE documents (id INTEGER PRIMARY KEY, name TEXT, owner TEXT, data TEXT)');
    for (const { name, owner, data } of documents) store(db, name, owner, data);
  });
  afterAll(() => db.close());

  const matching = (filter: Filter): string[] => {
    const condition = compileFilter(filter, fieldOf, 'owner, and any other');
    return db
      .all<{ name: string }>(sql`SELECT name FROM documents d WHERE ${condition} ORDER BY id`)
      .map(({ name }) => name);
  };
  const refusal = (filter: Filter): DomainError => {
    try {
      matching(filter);
    } catch (error) {
      if (error instanceof DomainError) return error;
      throw error;
    }
    throw new Error('Expected the filter to be refused');
  };

  it.each<[Filter, string[]]>([
    [{}, all],
    // Equality is that of JSON: 1, "1" and true are three values.
    [{ n: 1 }, ['one']],
    [{ n: { eq: 1 } }, ['one']],
    [{ n: 1.0 }, ['one']],
    [{ n: '1' }, ['text']],
    [{ n: true }, ['swap']],
    [{ n: null }, ['null']],
    [{ b: true }, ['one']],
    [{ b: false }, ['two']],
    [{ b: 1 }, ['swap']],
    [{ b: 'true' }, ['text']],
    [{ s: '' }, ['text']],
    [{ s: 'APPLE' }, []],
    [{ list: { eq: [] } }, ['two']],
    [{ list: { eq: ['x', 1, null, { k: 1 }] } }, ['one']],
    [{ obj: { eq: { j: [], k: 1 } } }, ['one']],
    [{ obj: { eq: {} } }, ['two']],
    [{ obj: { eq: '{"k":1}' } }, ['text']],
    // What is missing is different from everything.
    [{ n: { ne: 1 } }, ['two', 'text', 'null', 'swap', 'none']],
    [{ n: { ne: null } }, ['one', 'two', 'text', 'swap', 'none']],
    [{ b: { ne: true } }, ['two', 'text', 'null', 'swap', 'none']],
    [{ missing: { ne: 'anything' } }, all],
    // Ranges: numbers with numbers, strings with strings.
    [{ n: { gt: 1 } }, ['two']],
    [{ n: { gte: 1 } }, ['one', 'two']],
    [{ n: { lt: 2.5 } }, ['one']],
    [{ n: { lte: 2.5 } }, ['one', 'two']],
    [{ n: { gt: 1, lt: 3 } }, ['two']],
    [{ n: { gt: 3, lt: 1 } }, []],
    [{ n: { gt: -1e300 } }, ['one', 'two']],
    [{ n: { gte: '' } }, ['text']],
    [{ s: { gt: 'a' } }, ['one']],
    [{ s: { gte: '' } }, ['one', 'two', 'text']],
    [{ s: { lt: 'a' } }, ['two', 'text']],
    [{ b: { gte: 0 } }, ['swap']],
    // Lists of values.
    [{ n: { in: [1, '1', null] } }, ['one', 'text', 'null']],
    [{ n: { in: [] } }, []],
    [{ b: { in: [true, false] } }, ['one', 'two']],
    [{ obj: { in: [{}, [{ k: 1 }]] } }, ['two', 'swap']],
    [{ n: { nin: [1, 2.5] } }, ['text', 'null', 'swap', 'none']],
    [{ n: { nin: [] } }, all],
    [{ n: { nin: [null] } }, ['one', 'two', 'text', 'swap', 'none']],
    // A null is there, what is missing is not.
    [{ n: { exists: true } }, ['one', 'two', 'text', 'null', 'swap']],
    [{ n: { exists: false } }, ['none']],
    [{ 'obj.k': { exists: true } }, ['one']],
    // A text contains a part, a list an element, anything else nothing.
    [{ s: { contains: 'an' } }, ['two']],
    [{ s: { contains: '' } }, ['one', 'two', 'text']],
    [{ s: { contains: '%' } }, []],
    [{ list: { contains: 'x' } }, ['one', 'text']],
    [{ list: { contains: 1 } }, ['one']],
    [{ list: { contains: null } }, ['one']],
    [{ list: { contains: true } }, []],
    [{ list: { contains: { k: 1 } } }, ['one']],
    [{ list: { contains: 'y' } }, []],
    [{ obj: { contains: { k: 1 } } }, ['swap']],
    // Columns are fields, too; NULL is missing.
    [{ owner: 'alice' }, ['one', 'none']],
    [{ owner: { ne: 'alice' } }, ['two', 'text', 'null', 'swap']],
    [{ owner: { exists: false } }, ['null']],
    [{ owner: { gte: 'b' } }, ['two', 'swap']],
    [{ owner: { in: ['bob', 'zoë'] } }, ['two', 'swap']],
    [{ owner: { nin: ['bob'] } }, ['one', 'text', 'null', 'swap', 'none']],
    [{ owner: { contains: '%' } }, ['text']],
    [{ owner: null }, []],
    [{ owner: 1 }, []],
    // Several fields, and both ways to spell an operator.
    [{ n: 1, b: true }, ['one']],
    [{ n: 1, b: false }, []],
    [{ n: { $gte: 1, $lt: 2 } }, ['one']],
    [{ n: { $in: [1, '1'] }, owner: { $ne: 'alice' } }, ['text']],
    [{ $and: [{ n: { gte: 1 } }, { b: false }] }, ['two']],
    [{ AND: [] }, all],
    [{ OR: [{ n: 1 }, { owner: 'bob' }] }, ['one', 'two']],
    [{ $or: [] }, []],
    [{ OR: [{ n: 1 }, { n: 2.5 }], b: true }, ['one']],
    [{ or: [{ AND: [{ n: 1 }, { b: false }] }, { s: '' }] }, ['text']],
    [{ NOT: { owner: 'alice' } }, ['two', 'text', 'null', 'swap']],
    [{ NOT: { n: 1 } }, ['two', 'text', 'null', 'swap', 'none']],
    [{ NOT: { n: { gt: 1 } } }, ['one', 'text', 'null', 'swap', 'none']],
    [{ $not: [{ n: 1 }, { b: true }] }, ['two', 'text', 'null', 'swap', 'none']],
    [{ NOT: { NOT: { n: { gte: 1 } } } }, ['one', 'two']],
    [{ NOT: {} }, []],
    [{ NOT: { OR: [{ n: { exists: true } }, { s: { contains: 'a' } }] } }, ['none']],
  ])('%j', (filter, expected) => {
    expect(matching(filter)).toEqual(expected);
  });

  it.each<[Filter, string]>([
    [{ n: { like: 'a' } }, 'filter.n.like'],
    [{ n: { $regex: 'a' } }, 'filter.n.$regex'],
    [{ n: { GT: 1 } }, 'filter.n.GT'],
    [{ n: { gt: null } }, 'filter.n.gt'],
    [{ n: { gt: true } }, 'filter.n.gt'],
    [{ n: { lte: [1] } }, 'filter.n.lte'],
    [{ n: { in: 1 } }, 'filter.n.in'],
    [{ n: { nin: {} } }, 'filter.n.nin'],
    [{ n: { exists: 1 } }, 'filter.n.exists'],
    [{ owner: { contains: 1 } }, 'filter.owner.contains'],
    [{ n: { k: 1 } }, 'filter.n.k'],
    [{ no_such: 1 }, 'filter.no_such'],
    [{ OR: [{ n: 1 }, { no_such: 1 }] }, 'filter.OR[1].no_such'],
    [{ OR: { n: 1 } }, 'filter.OR'],
    [{ AND: 'n' }, 'filter.AND'],
    [{ NOT: 1 }, 'filter.NOT'],
    [{ OR: [1] }, 'filter.OR[0]'],
    [[], 'filter'],
    ['n = 1', 'filter'],
    [null, 'filter'],
  ])('refuses %j and names what is wrong', (filter, field) => {
    expect(refusal(filter)).toMatchObject({ kind: 'invalid', details: { errors: [{ field }] } });
  });

  it('names the operators and the fields that there are', () => {
    expect(refusal({ n: { like: 1 } }).details.hint).toContain('eq, ne, gt, gte, lt, lte, in, nin, exists, contains');
    expect(refusal({ no_such: 1 }).details.hint).toContain('owner, and any other');
  });

  it('is bounded: two hundred conditions, and no more', () => {
    const many = (count: number): Filter => ({ OR: Array.from({ length: count }, (_, n) => ({ n })) });
    expect(matching(many(200))).toEqual(['one']);
    expect(refusal(many(201)).message).toContain('more than 200 conditions');
    expect(matching({ n: { in: Array.from({ length: 200 }, (_, n) => n) } })).toEqual(['one']);
    expect(refusal({ n: { in: Array.from({ length: 201 }, (_, n) => n) } }).message).toContain('more than 200 values');
  });

  it('finds a document by any key and value, whatever they hold', () => {
    const scratch = Database.open({ path: ':memory:' });
    scratch.exec('CREATE TABLE m (id INTEGER PRIMARY KEY, metadata TEXT, value TEXT)');
    fc.assert(
      fc.property(fc.array(hostileName, { minLength: 1, maxLength: 3 }), hostileText, (path, text) => {
        const name = `metadata.${path.join('.')}`;
        const field = memoryField(name);
        if (field === undefined) return;
        const document = path.reduceRight<Json>((inner, part) => Object.fromEntries([[part, inner]]), text);
        scratch.exec('DELETE FROM m');
        scratch.run(sql`INSERT INTO m (metadata, value) VALUES (${canonicalJson(document)}, '{}')`);
        const count = (filter: Filter): number =>
          scratch.all(sql`SELECT 1 FROM m WHERE ${compileFilter(filter, memoryField, '')}`).length;
        expect(count(Object.fromEntries([[name, text]]))).toBe(1);
        expect(count(Object.fromEntries([[name, `${text}!`]]))).toBe(0);
        expect(count(Object.fromEntries([[`${name}?`, { exists: true }]]))).toBe(0);
      }),
      { seed: 1, numRuns: 500 },
    );
    scratch.close();
  });

  it('matches what a reader of its words would match, for whatever documents and filters', () => {
    const scratch = Database.open({ path: ':memory:' });
    scratch.exec('CREATE TABLE documents (id INTEGER PRIMARY KEY, name TEXT, owner TEXT, data TEXT)');
    fc.assert(
      fc.property(fc.array(someDocument, { minLength: 1, maxLength: 4 }), someFilter, (some, filter) => {
        scratch.exec('DELETE FROM documents');
        some.forEach((data, index) => store(scratch, String(index), null, data));
        const condition = compileFilter(filter, fieldOf, '');
        const found = scratch
          .all<{ name: string }>(sql`SELECT name FROM documents d WHERE ${condition} ORDER BY id`)
          .map(({ name }) => some[Number(name)]);
        expect(found).toEqual(some.filter((data) => meant(filter, data)));
      }),
      { seed: 2, numRuns: 1500 },
    );
    scratch.close();
  });
});

describe('R-M7 A field of a memory', () => {
  it.each<[string, Field | undefined]>([
    ['key', { column: 'm.key' }],
    ['metadata.source', { json: 'm.metadata', path: ['source'] }],
    ['value.a.b', { json: 'm.value', path: ['a', 'b'] }],
    ['source', { json: 'm.metadata', path: ['source'] }],
    ['source.url', { json: 'm.metadata', path: ['source', 'url'] }],
    ['value', undefined],
    ['metadata', undefined],
    ['metadata.', undefined],
    ['', undefined],
    ['a..b', undefined],
    ['is_deleted', undefined],
    ['a"b', undefined],
    ['a\\b', undefined],
    ['$where', undefined],
    ['metadata.$', undefined],
  ])('"%s"', (name, field) => {
    expect(memoryField(name)).toEqual(field);
  });

  it.each([`x'; DROP TABLE m; --`, 'x) OR (1', '%', '[0]', '#-1', '*', "');", 'x]', '?', '-- ', 'list[0]'])(
    'called %s is a name and nothing else',
    (name) => {
      const db = Database.open({ path: ':memory:' });
      db.exec('CREATE TABLE m (id INTEGER PRIMARY KEY, metadata TEXT, value TEXT)');
      db.run(sql`INSERT INTO m (metadata, value) VALUES ('{"a":1,"list":[1]}', '[]')`);
      const condition = compileFilter(Object.fromEntries([[name, { exists: true }]]), memoryField, '');
      expect(db.all(sql`SELECT 1 FROM m WHERE ${condition}`)).toEqual([]);
      expect(db.all(sql`SELECT 1 FROM m`)).toHaveLength(1);
      db.close();
    },
  );
});

function store(db: Database, name: string, owner: string | null, data: JsonObject): void {
  db.run(sql`INSERT INTO documents (name, owner, data) VALUES (${name}, ${owner}, ${canonicalJson(data)})`);
}

const hostileText = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((text) => !text.includes('\0'));
const hostileName = fc
  .oneof(hostileText, fc.constantFrom('__proto__x', 'a[0]', '#', '*', "it's", '\u0001', 'ключ', '🎉', ' ', '%s', '?1'))
  .filter((part) => part !== '' && !part.includes('.'));

const scalar = fc.constantFrom<Json>(0, 1, 2, -1.5, '', 'a', 'b', 'ab', true, false, null);
const anyValue = fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), fc.record({ k: scalar }) as fc.Arbitrary<Json>);
const someDocument = fc.record({ p: anyValue, q: anyValue }, { requiredKeys: [] }) as fc.Arbitrary<JsonObject>;

const someTest = fc.oneof(
  fc.tuple(fc.constantFrom('eq', 'ne', 'contains'), anyValue),
  fc.tuple(fc.constantFrom('gt', 'gte', 'lt', 'lte'), fc.constantFrom<Json>(0, 1, -1.5, '', 'a', 'ab')),
  fc.tuple(fc.constantFrom('in', 'nin'), fc.array(anyValue, { maxLength: 3 })),
  fc.tuple(fc.constant('exists'), fc.boolean()),
);
const someFilter = fc.letrec<{ tree: Filter; leaf: Filter }>((tie) => ({
  leaf: fc
    .tuple(fc.constantFrom('p', 'q', 'p.k'), someTest)
    .map(([field, [operator, operand]]) => ({ [field]: { [operator]: operand as Json } })),
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie('leaf'),
    fc.array(tie('tree'), { maxLength: 3 }).map((list) => ({ AND: list })),
    fc.array(tie('tree'), { maxLength: 3 }).map((list) => ({ OR: list })),
    tie('tree').map((inner) => ({ NOT: inner })),
  ),
})).tree;

/** What a filter means, in the words of its documentation. */
function meant(filter: Filter, document: JsonObject): boolean {
  return Object.entries(filter as JsonObject).every(([name, operand]) => {
    if (name === 'AND') return (operand as Filter[]).every((part) => meant(part, document));
    if (name === 'OR') return (operand as Filter[]).some((part) => meant(part, document));
    if (name === 'NOT') return !meant(operand as Filter, document);
    const value = valueAt(document, name.split('.'));
    return Object.entries(operand as JsonObject).every(([operator, wanted]) => passes(value, operator, wanted));
  });
}

function passes(value: Json | undefined, operator: string, wanted: Json): boolean {
  const same = (one: Json | undefined, other: Json): boolean =>
    one !== undefined && canonicalJson(one) === canonicalJson(other);
  switch (operator) {
    case 'eq':
      return same(value, wanted);
    case 'ne':
      return !same(value, wanted);
    case 'in':
      return (wanted as Json[]).some((one) => same(value, one));
    case 'nin':
      return !(wanted as Json[]).some((one) => same(value, one));
    case 'exists':
      return (value !== undefined) === wanted;
    case 'contains':
      if (typeof value === 'string') return typeof wanted === 'string' && value.includes(wanted);
      return Array.isArray(value) && value.some((element) => same(element, wanted));
    default: {
      const comparable = typeof value === typeof wanted && (typeof wanted === 'number' || typeof wanted === 'string');
      return comparable && compare(value as string | number, operator, wanted as string | number);
    }
  }
}

function compare(value: string | number, operator: string, wanted: string | number): boolean {
  if (operator === 'gt') return value > wanted;
  if (operator === 'gte') return value >= wanted;
  return operator === 'lt' ? value < wanted : value <= wanted;
}

function valueAt(document: JsonObject, path: string[]): Json | undefined {
  let value: Json | undefined = document;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    value = value[part];
  }
  return value;
}
