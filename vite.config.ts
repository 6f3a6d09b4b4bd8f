// Three things are built: the library (`vite build`), the library in single files beside it (`vite build --mode standalone`,
// `--mode standalone-element`), and the demo page (`vite build --mode demo`; `vite` serves it).

import { join } from 'node:path';
import { defineConfig, normalizePath, type Plugin, type UserConfig } from 'vite';
import manifest from './package.json' with { type: 'json' };
import { alias, entries } from './scripts/entries.mjs';
import { liveReplay } from './scripts/live.mjs';
import { root } from './scripts/setup.mjs';
import { weights } from './scripts/weights.mjs';
import { wgsl } from './scripts/wgsl.mjs';
import { workerAddress } from './scripts/worker-address.mjs';
import { workerNotices } from './scripts/worker-notices.mjs';

/** The command `latent-preview`: built beside the library, and no entry that a page imports. */
const commandFolder = normalizePath(join(root, 'src', 'cli'));

/** Who uses the core as any user does, and where its built entry is from what is built of them. */
const clientsOfCore = [
  { folder: commandFolder, core: './index.js' },
  // In dist/element or, as two entries need it, in dist/shared.
  { folder: normalizePath(join(root, 'src', 'element')), core: '../index.js' },
  { folder: normalizePath(join(root, 'src', 'worker')), core: '../index.js' },
  { folder: normalizePath(join(root, 'src', 'adapters')), core: '../index.js' },
];

/**
 * They import the built core entry. Were it bundled with them, what both need would move out of dist/index.js, and every
 * page that imports the core from a server would fetch one file more, in turn.
 */
const clientsImportCore: Plugin = {
  name: 'clients-import-core',
  enforce: 'pre',
  resolveId: (source, importer) => {
    const client = clientsOfCore.find(({ folder }) => source === '../index' && importer?.startsWith(folder));
    return client ? { id: client.core, external: true } : null;
  },
};

const isStandalone = ({ place }: (typeof entries)[number]): boolean => place.startsWith('standalone');
const modules = entries.filter((entry) => !isStandalone(entry));

const library: UserConfig = {
  publicDir: false,
  plugins: [wgsl(), weights(), workerAddress(), clientsImportCore],
  build: {
    target: 'es2022',
    minify: false,
    sourcemap: true,
    // What is bundled keeps its notices.
    license: { fileName: 'THIRD-PARTY-LICENSES.md' },
    lib: {
      entry: {
        ...Object.fromEntries(modules.map(({ place, source }) => [place, source])),
        cli: join(commandFolder, 'index.ts'),
      },
      formats: ['es'],
    },
    rolldownOptions: {
      // Node's own, and the package that brings WebGPU to Node where somebody installed it: for the command alone.
      external: [/^node:/, 'webgpu'],
      output: { chunkFileNames: 'shared/[name]-[hash].js' },
    },
  },
};

/** One file, one build. */
const standalone = ({ place, source }: (typeof entries)[number]): UserConfig => ({
  publicDir: false,
  // The file is its own worker's too.
  plugins: [wgsl(), weights(), workerAddress(() => 'import.meta.url')],
  build: {
    target: 'es2022',
    emptyOutDir: false,
    lib: { entry: { [place]: source }, formats: ['es'] },
    rolldownOptions: {
      // Vite leaves the spaces in modules of a library.
      output: {
        codeSplitting: false,
        minify: true,
        postBanner: `/*! ${manifest.name} ${manifest.version}, MIT; what it bundles: THIRD-PARTY-LICENSES.md */`,
      },
    },
  },
});

const notices = { fileName: 'licences.md' };
const { worker, page } = workerNotices(notices.fileName);

const demo: UserConfig = {
  root: join(root, 'demo'),
  // Works at any address, in a subfolder too.
  base: './',
  resolve: { alias },
  plugins: [wgsl(), liveReplay(), { ...page, apply: 'build' }],
  // Workers load parts of the library when they need them, as the page does.
  worker: { format: 'es', plugins: () => [wgsl(), worker] },
  // The page imports the library's sources, which lie outside of its root.
  server: { fs: { allow: [root] } },
  build: { target: 'es2022', outDir: join(root, 'demo-dist'), emptyOutDir: true, license: notices },
};

export default defineConfig(({ command, mode }) => {
  if (command === 'serve' || mode === 'demo') return demo;
  const single = entries.filter(isStandalone).find(({ place }) => place === mode.replace('-', '/'));
  return single ? standalone(single) : library;
});
