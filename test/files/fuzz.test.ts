// Five thousand broken files; `npm run fuzz` tries any number.

import { expect, test } from 'vitest';
import { fuzz } from './fuzz';

test('5000 broken and forged files end in tensors or our own error, within a second and 64 MB over their size', async () => {
  const escaped: unknown[] = [];
  const keep = (reason: unknown): void => void escaped.push(reason);
  // Errors of a stream that nobody waits for any more would end the process.
  process.on('unhandledRejection', keep);
  const { tensors, errors, failures } = await fuzz(5000, 1);
  process.off('unhandledRejection', keep);
  expect(failures).toEqual([]);
  expect(escaped).toEqual([]);
  expect(tensors + errors).toBe(5000);
  // Neither all refused nor all read: then the mutants would be no test.
  expect(tensors).toBeGreaterThan(250);
  expect(errors).toBeGreaterThan(2500);
});
