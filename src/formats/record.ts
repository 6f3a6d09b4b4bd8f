// A list of formats as a record by id.

import type { LatentFormat } from './format';

/** Frozen, and without a prototype, so that `constructor` or `__proto__` is no id. */
export function recordById(list: readonly LatentFormat[]): Readonly<Record<string, LatentFormat>> {
  const record: Record<string, LatentFormat> = Object.create(null);
  for (const format of list) record[format.id] = format;
  return Object.freeze(record);
}
