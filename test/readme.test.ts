// README.md says what is there: the recipes to the letter, every family, every entry of the package, the two commands.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { copyleftFormats } from '../src/formats/copyleft/index';
import { formats } from '../src/index';

const at = (path: string): URL => new URL(`../${path}`, import.meta.url);
const readme = readFileSync(at('README.md'), 'utf8');

it.each(readdirSync(at('demo/recipes')))('holds recipe %s to the letter', (name) =>
  expect(readme).toContain(readFileSync(at(`demo/recipes/${name}`), 'utf8')),
);
it('has eleven recipes, one of them in two files', () => expect(readdirSync(at('demo/recipes'))).toHaveLength(12));
it.each(Object.values(formats).filter(({ id, base }) => id === base))('names the family $id', ({ id }) =>
  expect(readme).toContain(`\`${id}\``),
);
it('names every published map', () => {
  const rows = readme.split('\n').filter((line) => line.startsWith('| `'));
  for (const { id, base } of [...Object.values(formats), ...Object.values(copyleftFormats)])
    if (id !== base)
      expect(
        rows.find((row) => row.startsWith(`| \`${base}\``)),
        id,
      ).toContain(id.split('/')[1]);
});
it('counts the formats right', () => {
  expect(readme).toContain(`\`formats\` holds ${Object.keys(formats).length} entries`);
  const changelog = readFileSync(at('CHANGELOG.md'), 'utf8');
  expect(changelog).toContain(`${Object.keys(formats).length} latent formats`);
  expect(changelog).toContain(`${Object.keys(copyleftFormats).length} more`);
});
it('links and pictures lead somewhere', () => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path!);
  expect(links.length).toBeGreaterThan(3);
  expect(links.filter((path) => !existsSync(at(path)))).toEqual([]);
});
it('names the error codes', () => {
  const codes = readFileSync(at('src/errors.ts'), 'utf8')
    .match(/^ {2}\| '([\w-]+)'/gm)!
    .map((line) => line.slice(5, -1));
  expect(codes.length).toBeGreaterThan(7);
  for (const code of codes) expect(readme).toContain(`\`${code}\``);
});
