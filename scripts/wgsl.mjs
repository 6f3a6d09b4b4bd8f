// A Vite plugin for builds: ships `.wgsl?raw` without comments and indentation. Line breaks stay, so that a compiler's
// message about line 27 is about line 27 of the file in shaders/.

import { readFile } from 'node:fs/promises';

/**
 * WGSL has no string literals, so a comment is a comment wherever it stands. Its block comments nest; ours do not.
 * @param {string} code
 */
export const compactWgsl = (code) =>
  code
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/\/\/.*$/gm, '')
    .replace(/^[ \t]+|[ \t]+$/gm, '');

/** @returns {import('vite').Plugin} */
export const wgsl = () => ({
  name: 'compact-wgsl',
  apply: 'build',
  enforce: 'pre',
  async load(id) {
    if (!id.endsWith('.wgsl?raw')) return undefined;
    const code = compactWgsl(await readFile(id.replace(/\?raw$/, ''), 'utf8'));
    return `export default ${JSON.stringify(code)};`;
  },
});
