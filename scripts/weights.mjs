// A Vite plugin for the library's builds: weights that a module names as `new URL('../../weights/NAME', import.meta.url)`
// become files of dist/weights, named relative to where the module ends up. Vite itself puts the assets of a library into
// its code. Who bundles the library finds such a URL again and carries the file.

import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { root } from './setup.mjs';

const inSources = /new URL\('(?:\.\.\/)+weights\/([\w.-]+)', import\.meta\.url\)/g;
// Stands for the URL until it is known which file it goes to.
const inBetween = /weightsOf\("([\w.-]+)"\)/g;

/** @returns {import('vite').Plugin} */
export const weights = () => ({
  name: 'weights-as-files',
  apply: 'build',
  enforce: 'pre',
  transform(code, id) {
    if (id.includes('node_modules') || !code.includes('/weights/')) return null;
    const changed = code.replace(inSources, (_, name) => {
      const source = readFileSync(join(root, 'weights', name));
      this.emitFile({ type: 'asset', fileName: `weights/${name}`, source });
      return `weightsOf("${name}")`;
    });
    return { code: changed, map: null };
  },
  renderChunk(code, { fileName }) {
    if (!code.includes('weightsOf(')) return null;
    const folder = posix.relative(posix.dirname(fileName), 'weights');
    const from = folder.startsWith('.') ? folder : `./${folder}`;
    return { code: code.replace(inBetween, (_, name) => `new URL("${from}/${name}", import.meta.url)`), map: null };
  },
});
