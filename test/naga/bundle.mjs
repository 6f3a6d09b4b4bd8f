// Bundles a file of test/, shaders and fixtures inlined, into one file for runtimes that read no TypeScript and no `?raw`.

import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'vite';
import { alias } from '../../scripts/entries.mjs';
import { root } from '../../scripts/setup.mjs';
import { wgsl } from '../../scripts/wgsl.mjs';

/**
 * @param {string} entry in test/, such as `op-suite.ts`
 * @returns {Promise<{ file: string, code: string }>}
 */
export async function bundle(entry) {
  const outDir = join(root, 'node_modules', '.cache', 'op-suite');
  const fileName = basename(entry).replace(/\.ts$/, '.js');
  await build({
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    resolve: { alias },
    // The shaders as users get them.
    plugins: [wgsl()],
    build: {
      target: 'es2022',
      minify: false,
      outDir,
      emptyOutDir: false,
      lib: { entry: join(root, 'test', entry), formats: ['es'], fileName: () => fileName },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  });
  const file = join(outDir, fileName);
  return { file, code: await readFile(file, 'utf8') };
}
