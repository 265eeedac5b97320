import { describe, expect, it } from '@jest/globals';
import { NOW, recorded, specify } from '../../test/support/given.js';
import { EPISODIC_TTL_SECONDS, memory, memoryWith, type MemoryCommand, type MemoryState } from './memory.decider.js';
import { expiry, type MemoryEvent, type MemoryWritten } from './memory.events.js';

const address = { namespace: 'user:alice', key: 'coffee' };

const put = (overrides: object = {}): MemoryCommand => ({
  type: 'WriteMemory',
  mode: 'put',
  ...address,
  value: { taste: 'black' },
  ...overrides,
});

const written = (overrides: Partial<MemoryWritten['data']> = {}): MemoryEvent => ({
  type: 'MemoryWritten',
  data: {
    ...address,
    version: 1,
    memory_type: 'semantic',
    value: { taste: 'black' },
    metadata: {},
    operation: 'create',
    ttl_seconds: null,
    expires_at: null,
    task_id: null,
    session_id: null,
    ...overrides,
  },
});

const deleted: MemoryEvent = { type: 'MemoryDeleted', data: { ...address, version: 1 } };

describe('A memory', () => {
  const { given } = specify(memory);

  it('R-M3 begins with version 1', () => {
    given()
      .when(put())
      .then({ type: 'MemoryWritten', data: { version: 1, operation: 'create' } });
  });

  it('R-M3 gets a version when its value differs', () => {
    given(written())
      .when(put({ value: { taste: 'white' } }))
      .then({ type: 'MemoryWritten', data: { version: 2, operation: 'update' } });
  });

  it('R-M3 gets a version when only its metadata differs', () => {
    given(written())
      .when(put({ metadata: { source: 'chat' } }))
      .then({ data: { version: 2, metadata: { source: 'chat' } } });
  });

  it('R-M3 stays as it is when nothing differs', () => {
    given(written()).when(put()).thenNothing();
  });

  it('R-M3 written twice is written once', () => {
    expect(given().when(put()).again()).toEqual([]);
  });

  it('R-M5 cannot be added where one is', () => {
    given(written())
      .when(put({ mode: 'add' }))
      .thenFails('conflict', 'memory-exists');
  });

  it('R-M5 can be added where one was deleted, and goes on counting', () => {
    given(written(), deleted)
      .when(put({ mode: 'add' }))
      .then({ data: { version: 2, operation: 'create' } });
  });

  it('R-M5 is written only at the version that the writer saw', () => {
    given(written())
      .when(put({ if_match: 1, value: {} }))
      .then({ data: { version: 2 } });
    given(written())
      .when(put({ if_match: 7, value: {} }))
      .thenFails('version-conflict', 'version-conflict');
    given()
      .when(put({ if_match: 1 }))
      .thenFails('version-conflict', 'version-conflict');
  });

  it('R-M4 is deleted once', () => {
    given(written())
      .when({ type: 'DeleteMemory', ...address })
      .then({ type: 'MemoryDeleted', data: { version: 1 } });
    given(written(), deleted)
      .when({ type: 'DeleteMemory', ...address })
      .thenFails('not-found', 'memory-not-found');
    given()
      .when({ type: 'DeleteMemory', ...address })
      .thenFails('not-found', 'memory-not-found');
  });

  it('R-M4 comes back as it was', () => {
    given(written(), deleted)
      .when({ type: 'RestoreMemory', ...address })
      .then({ type: 'MemoryRestored', data: { version: 1 } });
    given(written())
      .when({ type: 'RestoreMemory', ...address })
      .thenNothing();
  });

  it('R-M4 rolls back by a new version', () => {
    const content = { memory_type: 'semantic' as const, value: { taste: 'black' }, metadata: {} };
    given(written(), written({ version: 2, value: { taste: 'white' } }))
      .when({ type: 'RestoreMemory', ...address, rollback: { version: 1, content } })
      .then({
        type: 'MemoryWritten',
        data: { version: 3, value: { taste: 'black' }, restored_from: 1, operation: 'restore' },
      });
  });

  it('R-M9 published again from the same content is published once', () => {
    const content = { memory_type: 'semantic' as const, value: { taste: 'black' }, metadata: {} };
    const source = { namespace: 'session:s1', key: 'coffee', version: 4 };
    const publish: MemoryCommand = { type: 'PublishMemory', ...address, source, content };
    given()
      .when(publish)
      .then({ data: { operation: 'publish', published_from: source } });
    expect(given().when(publish).again()).toEqual([]);
  });

  it('R-M10 fades after 90 days when it is episodic, and never otherwise', () => {
    const end = expiry(NOW, EPISODIC_TTL_SECONDS);
    given()
      .when(put({ memory_type: 'episodic' }))
      .then({ data: { expires_at: end } });
    given()
      .when(put({ memory_type: 'procedural' }))
      .then({ data: { expires_at: null } });
    given()
      .when(put({ memory_type: 'episodic', ttl_seconds: 60 }))
      .then({ data: { expires_at: expiry(NOW, 60) } });
  });

  describe('R-M10 whose life time is over', () => {
    const ended = written({ memory_type: 'episodic', ttl_seconds: 60, expires_at: NOW, version: 3 });
    const living = written({ memory_type: 'episodic', ttl_seconds: 61, expires_at: expiry(NOW, 1) });
    const expired: MemoryEvent = { type: 'MemoryExpired', data: { ...address, version: 3, reason: 'ttl' } };
    const expire = (version: number, reason: 'ttl' | 'age' = 'ttl'): MemoryCommand => ({
      type: 'ExpireMemory',
      ...address,
      version,
      reason,
    });

    it('is gone for every rule, also before that has become an event', () => {
      given(ended)
        .when(put({ mode: 'add', value: {} }))
        .then({ data: { version: 4, operation: 'create', memory_type: 'semantic', expires_at: null } });
      given(ended)
        .when({ type: 'DeleteMemory', ...address })
        .thenFails('not-found', 'memory-not-found');
      given(ended)
        .when(put({ if_match: 3 }))
        .thenFails('version-conflict', 'version-conflict');
    });

    it('fades, once', () => {
      given(ended)
        .when(expire(3))
        .then({ type: 'MemoryExpired', data: { version: 3, reason: 'ttl' }, about: { memory_operation: 'expire' } });
      expect(given(ended).when(expire(3)).again()).toEqual([]);
    });

    it('does not fade when it was written, deleted or prolonged since, nor before its time', () => {
      given(ended, written({ version: 4 }))
        .when(expire(3))
        .thenNothing();
      given(ended, deleted).when(expire(3)).thenNothing();
      given(living).when(expire(1)).thenNothing();
      given().when(expire(1)).thenNothing();
      given(written()).when(expire(1)).thenNothing();
    });

    it('fades before its time only when somebody asked for that age', () => {
      given(living)
        .when(expire(1, 'age'))
        .then({ type: 'MemoryExpired', data: { reason: 'age' } });
      given(living, deleted).when(expire(1, 'age')).thenNothing();
    });

    it('begins another life when it is restored, as a version of its own', () => {
      given(ended, expired)
        .when({ type: 'RestoreMemory', ...address })
        .then({
          type: 'MemoryWritten',
          data: { version: 4, operation: 'restore', restored_from: 3, ttl_seconds: 60, expires_at: expiry(NOW, 60) },
        });
      expect(
        given(ended, expired)
          .when({ type: 'RestoreMemory', ...address })
          .again(),
      ).toEqual([]);
      given(living, { ...expired, data: { ...address, version: 1, reason: 'age' } })
        .when({ type: 'RestoreMemory', ...address })
        .then({ type: 'MemoryRestored' });
    });

    it('is not imported', () => {
      given()
        .when(put({ memory_type: 'episodic', expires_at: NOW }))
        .thenNothing();
    });

    it('has the life time that the house has chosen', () => {
      specify(memoryWith(30 * 24 * 3600))
        .given()
        .when(put({ memory_type: 'episodic' }))
        .then({ data: { expires_at: expiry(NOW, 30 * 24 * 3600) } });
    });
  });

  it('R-M9 is published to what is shared only', () => {
    const content = { memory_type: 'semantic' as const, value: {}, metadata: {} };
    const source = { namespace: 'session:s1', key: 'coffee', version: 1 };
    given()
      .when({ type: 'PublishMemory', namespace: 'session:s2', key: 'coffee', source, content })
      .thenFails('invalid', 'invalid-request');
  });

  it('R-M14 imported with its end ends then, and imported again makes no version', () => {
    const expires_at = '2026-02-01T00:00:00.000Z';
    const imported = put({ memory_type: 'episodic', expires_at });
    given()
      .when(imported)
      .then({ data: { expires_at, ttl_seconds: 2_580_954 } });
    given(written({ memory_type: 'episodic', ttl_seconds: 7_776_000, expires_at }))
      .when(imported)
      .thenNothing();
    given(written({ memory_type: 'episodic', ttl_seconds: 7_776_000, expires_at: '2026-03-01T00:00:00.000Z' }))
      .when(imported)
      .then({ data: { version: 2, expires_at } });
  });

  it('R-M3 keeps its type, metadata and life time where a writer says nothing of them', () => {
    given(written({ memory_type: 'episodic', metadata: { a: 1 }, ttl_seconds: 60 }))
      .when(put({ value: { taste: 'white' } }))
      .then({ data: { memory_type: 'episodic', metadata: { a: 1 }, ttl_seconds: 60, expires_at: expiry(NOW, 60) } });
  });

  it('R-M4 cannot go back to a version that it never had, nor come back when it never was', () => {
    const content = { memory_type: 'semantic' as const, value: {}, metadata: {} };
    given(written())
      .when({ type: 'RestoreMemory', ...address, rollback: { version: 2, content } })
      .thenFails('invalid', 'invalid-request');
    given()
      .when({ type: 'RestoreMemory', ...address })
      .thenFails('not-found', 'memory-not-found');
  });

  it('R-M4 rolled back to what it is already gets no version', () => {
    const content = { memory_type: 'semantic' as const, value: { taste: 'black' }, metadata: {} };
    given(written())
      .when({ type: 'RestoreMemory', ...address, rollback: { version: 1, content } })
      .thenNothing();
    expect(
      given(written(), deleted)
        .when({ type: 'RestoreMemory', ...address })
        .again(),
    ).toEqual([]);
  });

  const into = { namespace: 'user:alice', key: 'drinks', version: 2 };
  const other = { namespace: 'user:alice', key: 'tea', version: 1 };
  const consolidate = (overrides: object = {}): MemoryCommand => ({
    type: 'ConsolidateMemory',
    ...address,
    if_match: 1,
    content: { memory_type: 'semantic', value: { taste: 'white' }, metadata: {} },
    expires_at: null,
    from: [{ ...address, version: 1 }, other],
    ...overrides,
  });
  const superseded: MemoryEvent = { type: 'MemorySuperseded', data: { ...address, version: 1, into } };
  const supersede = (overrides: object = {}): MemoryCommand => ({
    type: 'SupersedeMemory',
    ...address,
    into,
    ...overrides,
  });

  it('R-M11 takes what others came to as a new version that says what it was made of', () => {
    given(written())
      .when(consolidate())
      .then({
        type: 'MemoryWritten',
        data: { version: 2, operation: 'consolidate', consolidated_from: [{ version: 1 }, other], seen: 1 },
        about: { memory_operation: 'consolidate' },
      });
    expect(given(written()).when(consolidate()).again()).toEqual([]);
  });

  it('R-M11 is not consolidated as something that it is not any more', () => {
    given(written(), written({ version: 2 }))
      .when(consolidate())
      .thenFails('version-conflict', 'version-conflict');
    given(written())
      .when(consolidate({ if_match: undefined }))
      .thenFails('conflict', 'memory-exists');
    given(written(), deleted)
      .when(supersede({ if_match: 1 }))
      .thenFails('version-conflict', 'version-conflict');
    given(written(), superseded).when(consolidate()).thenFails('conflict', 'memory-superseded');
  });

  it('R-M11 goes into one other, once', () => {
    given(written())
      .when(supersede({ if_match: 1 }))
      .then({ type: 'MemorySuperseded', data: { version: 1, into } });
    expect(given(written()).when(supersede()).again()).toEqual([]);
    given(written(), superseded)
      .when(supersede({ into: other }))
      .thenFails('conflict', 'memory-superseded');
    given().when(supersede()).thenFails('not-found', 'memory-not-found');
  });

  it('R-M11 that was superseded comes back by a restore or a new version, and not by itself', () => {
    given(written(), superseded)
      .when({ type: 'RestoreMemory', ...address })
      .then({ type: 'MemoryRestored', data: { version: 1 } });
    given(written(), superseded)
      .when(put({ value: { taste: 'decaf' } }))
      .then({ type: 'MemoryWritten', data: { version: 2 } });
    given(written(), superseded).when(put()).thenNothing();
    expect(
      given(written(), superseded)
        .when({ type: 'RestoreMemory', ...address })
        .again(),
    ).toEqual([]);
  });

  it('R-M12 is archived once, and what went into another one is away already', () => {
    const archive: MemoryCommand = { type: 'ArchiveMemory', ...address };
    given(written())
      .when(archive)
      .then({ type: 'MemoryArchived', data: { version: 1 } });
    expect(given(written()).when(archive).again()).toEqual([]);
    given(written(), superseded).when(archive).thenNothing();
    given().when(archive).thenFails('not-found', 'memory-not-found');
  });

  it('R-M11 is flagged once for each conflict, and says how many are left when somebody has looked', () => {
    const flag = (conflict_id: string): MemoryEvent => ({
      type: 'MemoryFlagged',
      data: { ...address, version: 1, conflict_id },
    });
    const review: MemoryCommand = { type: 'ReviewMemory', ...address, conflict_id: 'a' };
    expect(
      given(written())
        .when({ type: 'FlagMemory', ...address, conflict_id: 'a' })
        .again(),
    ).toEqual([]);
    given(written(), flag('a'), flag('b'))
      .when(review)
      .then({ type: 'MemoryReviewed', data: { conflict_id: 'a', flags_left: 1 } });
    given(written(), flag('b')).when(review).thenNothing();
    given(written(), flag('a'), written({ version: 2 }))
      .when(review)
      .thenNothing();
  });

  describe('R-A6 made what it was', () => {
    const state = (...events: MemoryEvent[]): MemoryState =>
      events.reduce<MemoryState>(
        (before, event, index) => memory.evolve(before, recorded(event, index + 1) as never),
        memory.initial,
      );
    const revert = (...before: MemoryEvent[]): MemoryCommand => ({
      type: 'RevertMemory',
      ...address,
      to: state(...before),
    });
    const second = written({ version: 2, value: { taste: 'white' }, operation: 'update' });

    it('gets its content again as a new version, with its end of life', () => {
      given(written(), second)
        .when(revert(written()))
        .then({
          type: 'MemoryWritten',
          data: { version: 3, value: { taste: 'black' }, operation: 'restore', restored_from: 1, expires_at: null },
          about: { memory_operation: 'restore', memory_entry_id: 'self' },
        });
      expect(given(written(), second).when(revert(written())).again()).toEqual([]);
    });

    it('is deleted where it was not there, and nothing is done where it is gone already', () => {
      given(written())
        .when(revert())
        .then({ type: 'MemoryDeleted', data: { version: 1 } });
      given(written(), deleted).when(revert()).thenNothing();
      given().when(revert()).thenNothing();
    });

    it('comes back without a new version where it was only taken away', () => {
      given(written(), deleted)
        .when(revert(written()))
        .then({ type: 'MemoryRestored', data: { version: 1 } });
      given(written(), superseded)
        .when(revert(written()))
        .then({ type: 'MemoryRestored', data: { version: 1 } });
    });

    it('is set aside again where it was, also when its content had to be written again', () => {
      given(written())
        .when(revert(written(), superseded))
        .then({ type: 'MemorySuperseded', data: { version: 1 } });
      given(written(), second)
        .when(revert(written(), superseded))
        .then(
          { type: 'MemoryWritten', data: { version: 3 } },
          { type: 'MemorySuperseded', data: { version: 3 }, about: { memory_entry_id: 'self' } },
        );
    });
  });
});
