// Two things are built: the library (`vite build`) and the demo page (`vite build --mode demo`; `vite` serves it).

import { join } from 'node:path';
import { defineConfig, type UserConfig } from 'vite';
import { alias, entries } from './scripts/entries.mjs';
import { root } from './scripts/setup.mjs';
import { wgsl } from './scripts/wgsl.mjs';

const library: UserConfig = {
  publicDir: false,
  plugins: [wgsl()],
  build: {
    target: 'es2022',
    minify: false,
    sourcemap: true,
    // What is bundled keeps its notices.
    license: { fileName: 'THIRD-PARTY-LICENSES.md' },
    lib: { entry: Object.fromEntries(entries.map(({ place, source }) => [place, source])), formats: ['es'] },
    rolldownOptions: { output: { chunkFileNames: 'shared/[name]-[hash].js' } },
  },
};

const demo: UserConfig = {
  root: join(root, 'demo'),
  // Works at any address, in a subfolder too.
  base: './',
  resolve: { alias },
  plugins: [wgsl()],
  // The page imports the library's sources, which lie outside of its root.
  server: { fs: { allow: [root] } },
  build: { target: 'es2022', outDir: join(root, 'demo-dist'), emptyOutDir: true, license: { fileName: 'licences.md' } },
};

export default defineConfig(({ command, mode }) => (command === 'serve' || mode === 'demo' ? demo : library));
