import { expect } from '@jest/globals';

/** As much of an answer as a problem is told by, whoever fetched it. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

/** Holds an answer against RFC 9457 and the house: one problem, its field named, and nothing of the inside shown. */
export function expectProblem(
  answer: unknown,
  status: number,
  { code, field }: { code?: string; field?: string } = {},
) {
  const { headers, body, ...rest } = answer as Answer;
  expect({ status: rest.status, body }).toMatchObject({ status, body: { status } });
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(body).toMatchObject({
    type: `/problems/${String(body['code'])}`,
    title: expect.any(String),
    instance: expect.any(String),
    request_id: headers['x-request-id'],
  });
  if (code !== undefined) expect(body['code']).toBe(code);
  if (field !== undefined) {
    const fields = ((body['errors'] ?? []) as { field: string }[]).map((error) => error.field);
    expect(fields).toContain(field);
  }
  expect(JSON.stringify(body)).not.toMatch(
    /Sqlite|node_modules|\.js:\d+|TypeError|\bat \w+\.|FST_ERR|undefined|\[object/,
  );
}
