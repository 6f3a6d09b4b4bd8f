// The README's console shows what the command prints, to the letter.

import { cpSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { folderWith, run, samples } from './run';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const [, console = ''] = readme.match(/```console\n([\s\S]*?)```/) ?? [];
const shown = console.split(/^\$ latent-preview /m).slice(1);

it('shows the command at work', () => expect(shown.length).toBeGreaterThan(2));
it.each(shown.map((text) => [text.split('\n')[0]!, text]))('prints what the README shows: %s', async (line, text) => {
  const folder = folderWith();
  cpSync(samples, folder, { recursive: true });
  const { stdout, stderr } = await run(line.split(' '), { folder });
  expect((stderr + stdout).trim()).toBe(text.slice(line.length).trim());
});
