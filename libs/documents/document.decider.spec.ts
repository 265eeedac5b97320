import { describe, expect, it } from '@jest/globals';
import { specify } from '../../test/support/given.js';
import { document, MAX_CHUNKS, type DocumentCommand } from './document.decider.js';
import type { DocumentEvent, DocumentOrigin } from './document.events.js';
import { readDocument } from './read-document.js';

const file_path = 'docs/a.md';
const content = (text: string, given: object = {}) => readDocument({ file_path, content: text, ...given });

const index = (text: string, origin: DocumentOrigin = 'api', given: object = {}): DocumentCommand => ({
  type: 'IndexDocument',
  file_path,
  origin,
  ...content(text),
  ...given,
});
const indexed = (text: string, origin: DocumentOrigin = 'api', document_id: number | null = null): DocumentEvent => ({
  type: 'DocumentIndexed',
  data: { file_path, version: 1, document_id, origin, ...content(text) },
});
const unreadable = (reason: string, document_id: number | null = null): DocumentEvent => ({
  type: 'DocumentUnreadable',
  data: { file_path, version: 1, document_id, title: 'a', reason },
});
const removed: DocumentEvent = { type: 'DocumentRemoved', data: { file_path, version: 2, document_id: 1 } };
const report = (reason: string): DocumentCommand => ({ type: 'ReportUnreadable', file_path, title: 'a', reason });
const remove: DocumentCommand = { type: 'RemoveDocument', file_path };
const gone: DocumentCommand = { ...remove, found: 'gone' };

describe('A document', () => {
  const { given } = specify(document);

  it('R-D1 begins with version 1 and its own position for an id', () => {
    given()
      .when(index('# A'))
      .then({ type: 'DocumentIndexed', data: { version: 1, document_id: null, title: 'A', content: '# A' } });
  });

  it('R-D1 gets a version when its content differs, and keeps its id', () => {
    given(indexed('# A'))
      .when(index('# B'))
      .then({ type: 'DocumentIndexed', data: { version: 2, document_id: 1, title: 'B' } });
  });

  it('R-D1 gets a version when only its metadata, title or type differ', () => {
    for (const other of [{ metadata: { a: 1 } }, { title: 'Z' }, { document_type: 'plan' }])
      given(indexed('# A'))
        .when(index('# A', 'api', other))
        .then({ type: 'DocumentIndexed', data: other });
  });

  it('R-D1 stays as it is when nothing differs', () => {
    given(indexed('# A')).when(index('# A')).thenNothing();
    expect(given().when(index('# A')).again()).toEqual([]);
  });

  it('R-D1 is the folder’s once it was found there', () => {
    given(indexed('# A'))
      .when(index('# A', 'folder'))
      .then({ data: { origin: 'folder', version: 2 } });
    given(indexed('# A', 'folder')).when(index('# A')).thenNothing();
    given(indexed('# A', 'folder'))
      .when(index('# B'))
      .then({ data: { origin: 'folder' } });
  });

  it('R-D1 that cannot be read says so once', () => {
    given()
      .when(report('is binary'))
      .then({ type: 'DocumentUnreadable', data: { version: 1, document_id: null } });
    given(unreadable('is binary')).when(report('is binary')).thenNothing();
    given(unreadable('is binary'))
      .when(report('is too large'))
      .then({ data: { reason: 'is too large', document_id: 1 } });
  });

  it('R-D1 that can be read again is indexed, also with the content it had', () => {
    given(indexed('# A', 'folder'), unreadable('is binary', 1))
      .when(index('# A', 'folder'))
      .then({ type: 'DocumentIndexed', data: { version: 3, document_id: 1 } });
  });

  it('R-D3 goes when its file goes, and only then', () => {
    given(indexed('# A', 'folder'))
      .when(gone)
      .then({ type: 'DocumentRemoved', data: { document_id: 1, version: 2 } });
    given(indexed('# A', 'api')).when(gone).thenNothing();
    given(unreadable('is binary')).when(gone).then({ type: 'DocumentRemoved' });
    given(indexed('# A', 'folder'), removed).when(gone).thenNothing();
  });

  it('is removed once', () => {
    given(indexed('# A')).when(remove).then({ type: 'DocumentRemoved' });
    given(indexed('# A'), removed).when(remove).thenFails('not-found', 'document-not-found');
    given().when(remove).thenFails('not-found', 'document-not-found');
  });

  it('begins anew after it was removed, and goes on counting', () => {
    given(indexed('# A'), removed)
      .when(index('# A'))
      .then({ type: 'DocumentIndexed', data: { version: 3, document_id: null } });
  });

  it('is written only at the version that the writer saw', () => {
    given(indexed('# A'))
      .when(index('# B', 'api', { if_match: 1 }))
      .then({ data: { version: 2 } });
    given(indexed('# A'))
      .when(index('# B', 'api', { if_match: 2 }))
      .thenFails('version-conflict', 'version-conflict');
    given()
      .when(index('# B', 'api', { if_match: 1 }))
      .thenFails('version-conflict', 'version-conflict');
    given(indexed('# A'))
      .when({ ...remove, if_match: 7 })
      .thenFails('version-conflict', 'version-conflict');
  });

  it('has chunks that lie in its content, and not more than can be numbered', () => {
    const cut = { heading: '', start: 0, end: 1 };
    given()
      .when(index('# A', 'api', { cuts: [{ ...cut, end: 4 }] }))
      .thenFails('invalid', 'invalid-request');
    given()
      .when(index('# A', 'api', { cuts: [{ ...cut, start: 1 }] }))
      .thenFails('invalid', 'invalid-request');
    given()
      .when(index('# A', 'api', { cuts: Array.from({ length: MAX_CHUNKS + 1 }, () => cut) }))
      .thenFails('too-large', 'too-many-chunks');
  });
});
