import { pathToFileURL } from 'node:url';
import { expect, it } from '@jest/globals';
import { WriterClient } from '#audit-log';

it('closes a writer whose thread has ended before', async () => {
  const writer = new WriterClient(pathToFileURL('/nowhere/writer.js'), {});
  const request = writer.settle({ kind: 'chore', chore: 'any', input: null });
  await expect(request).rejects.toThrow('/nowhere/writer.js');
  await writer.close();
  await writer.close();
  expect(writer.failure).toBeDefined();
});
