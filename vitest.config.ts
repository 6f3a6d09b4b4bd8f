// `unit`: everything that runs in Node, kernels on Dawn included. `package`: what is built, the
// packed tarball and the command; needs `npm run build`. `frameworks`: the examples; needs that and their packages.

import { defineConfig } from 'vitest/config';
import { alias } from './scripts/entries.mjs';
import { dawnEnvironment, findChromium } from './scripts/setup.mjs';

// Before the workers start: Vulkan's loader reads it when a process first asks for an adapter.
Object.assign(process.env, dawnEnvironment(findChromium()));

export default defineConfig({
  resolve: { alias },
  test: {
    pool: 'forks',
    // All cores: the default leaves one idle, which on two is half of them.
    maxWorkers: '100%',
    testTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/package.test.ts', 'test/frameworks.test.ts', 'test/cli/**'],
          setupFiles: ['test/setup/gpu.ts'],
        },
      },
      { extends: true, test: { name: 'frameworks', include: ['test/frameworks.test.ts'], testTimeout: 180_000 } },
      {
        extends: true,
        test: {
          name: 'package',
          include: ['test/package.test.ts', 'test/cli/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
