// The package's entry points, from `exports` in package.json: adding one there is all that a new one needs here.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Import specifier (`latent-preview/compare`), place in src and dist without extension (`compare/index`), source. */
export const entries = Object.entries(exports)
  // Some are types alone.
  .filter(([, target]) => typeof target === 'object' && target.default)
  .map(([key, target]) => {
    const place = target.default.replace(/^\.\/dist\/|\.js$/g, '');
    return { specifier: name + key.slice(1), place, source: join(root, 'src', `${place}.ts`) };
  });

/** For Vite's `resolve.alias`: the demo and the tests import the sources by the names that users import. */
export const alias = entries.map(({ specifier, source }) => ({
  find: new RegExp(`^${specifier}$`),
  replacement: source,
}));
