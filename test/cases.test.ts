// Every case of the project's list of what can go wrong has a test whose name begins with its number, or with several:
// '93 …', '107, 108 …'. What each asks for is the test's own name.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const last = 128;

/** Numbers at the beginning of names, by the file they are in. */
function numbered(): Map<number, string[]> {
  const found = new Map<number, string[]>();
  const folder = new URL('./', import.meta.url);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(test|spec)\.ts$/.test(name),
  );
  for (const name of names)
    for (const [, numbers] of readFileSync(new URL(name, folder), 'utf8').matchAll(
      /(?<=[('"`[{]\s*['"`])(\d{1,3}(?:, \d{1,3})*) (?=\S)/g,
    ))
      for (const number of numbers!.split(', '))
        found.set(Number(number), [...(found.get(Number(number)) ?? []), name]);
  return found;
}

it('every case has a test', () => {
  const found = numbered();
  const missing = Array.from({ length: last }, (_, k) => k + 1).filter((number) => !found.has(number));
  expect(missing).toEqual([]);
  // Were names not found any more, nothing would be missing by mistake alone.
  expect(found.get(34)).toContain('files/zip.test.ts');
  expect(found.get(94)).toContain('browser/canvas.spec.ts');
});
