// `knip`: finds files, exports and packages that nothing uses. Entries are what package.json exports and what is run by hand.

import { relative } from 'node:path';
import type { KnipConfig } from 'knip';
import { entries } from './scripts/entries.mjs';
import { root } from './scripts/setup.mjs';

const config: KnipConfig = {
  ignoreExportsUsedInFile: true,
  ignoreBinaries: ['clang'],
  // Types for whoever has these; what tests run or load into a page.
  ignoreDependencies: ['react', 'vue', 'svelte', '@arethetypeswrong/cli', '@tensorflow/tfjs-backend-webgpu'],
  workspaces: {
    '.': {
      entry: [
        ...entries.map(({ source }) => relative(root, source)),
        'src/cli/index.ts',
        'demo/recipes/*.ts',
        'scripts/live-steps.ts',
        'scripts/*.mjs',
        'scripts/fit-maps/*.mjs',
        'test/browser-suite.ts',
        'test/naga/suite.ts',
        'test/firefox/suite.ts',
      ],
    },
    examples: {
      entry: ['*.mjs', '*/main.{ts,tsx}', '*/vite.config.ts', 'next/app/*.jsx', 'next/next.config.mjs'],
      // Run by the test of the examples.
      ignoreDependencies: ['svelte-check', 'vue-tsc'],
    },
    bench: {
      entry: ['*.mjs', 'page/main.ts', 'page/node.ts'],
      // The page loads them by address.
      ignoreDependencies: ['@tensorflow/tfjs-backend-wasm', 'onnxruntime-web'],
    },
  },
};

// knip reads the default export.
export { config as default };
