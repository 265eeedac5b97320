import { describe, expect, it } from '@jest/globals';
import { specify } from '../../test/support/given.js';
import { progress, type ProgressCommand } from './progress.decider.js';
import type { ProgressEvent } from './progress.events.js';

const { given } = specify(progress);
const what = { task_id: 't1', session_id: 's1' };

const write = (state: object): ProgressCommand =>
  ({ type: 'WriteCheckpoint', ...what, iteration: 3, state }) as ProgressCommand;
const set = (value: unknown): ProgressCommand =>
  ({ type: 'SetTaskState', ...what, key: 'k', value }) as ProgressCommand;
const written = (version: number, state: object): ProgressEvent =>
  ({ type: 'CheckpointWritten', data: { task_id: 't1', iteration: 3, state, version } }) as ProgressEvent;
const kept = (version: number, value: unknown): ProgressEvent =>
  ({ type: 'TaskStateSet', data: { task_id: 't1', key: 'k', value, version } }) as ProgressEvent;

describe('What a task keeps', () => {
  it('R-T4 is a checkpoint, with a version for each other content', () => {
    given()
      .when(write({ page: 1 }))
      .then({ ...written(1, { page: 1 }), about: what });
    given(written(1, { page: 1 }))
      .when(write({ page: 2 }))
      .then(written(2, { page: 2 }));
    given(written(1, { a: 1, b: 2 }))
      .when(write({ b: 2, a: 1 }))
      .thenNothing();
  });

  it('R-T4 is a value by key, null included, with a version for each other value', () => {
    given()
      .when(set(null))
      .then({ ...kept(1, null), about: what });
    given(kept(1, null)).when(set(0)).then(kept(2, 0));
    given(kept(1, null)).when(set(null)).thenNothing();
  });

  it('R-T4 stands in a stream of its own for each iteration and key, however they are spelled', () => {
    const streams = [
      write({}),
      { ...write({}), iteration: 4 },
      { ...set(1), key: '3' },
      { ...set(1), task_id: 't1:3', key: '' },
      { ...set(1), task_id: 't1', key: '3:' },
    ].map((command) => progress.stream(command as ProgressCommand));
    expect(new Set(streams).size).toBe(streams.length);
  });
});
