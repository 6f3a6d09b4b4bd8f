// Browser tests: the built demo page in a Chromium whose WebGPU runs on SwiftShader, so that every machine draws alike.

import { defineConfig } from '@playwright/test';
import { findChromium, underCI } from './scripts/setup.mjs';

const port = Number(process.env.LP_PREVIEW_PORT ?? 4199);
const address = `http://127.0.0.1:${port}`;

// Compute alone works with less; a page that shows a WebGPU canvas loses its device without the last three.
const softwareGpu = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--use-angle=swiftshader',
];

export default defineConfig({
  testDir: 'test/browser',
  outputDir: 'artifacts/browser',
  fullyParallel: false,
  workers: 2,
  timeout: 60_000,
  forbidOnly: underCI,
  reporter: [['list']],
  webServer: {
    command: `npx vite preview --mode demo --host 127.0.0.1 --port ${port} --strictPort`,
    url: address,
    reuseExistingServer: !underCI,
  },
  use: { baseURL: address, screenshot: 'only-on-failure', trace: 'retain-on-failure' },
  projects: [
    {
      name: 'chromium',
      use: {
        browserName: 'chromium',
        viewport: { width: 1280, height: 900 },
        launchOptions: {
          executablePath: findChromium(),
          args: [
            // macOS and Windows always have a GPU that headless Chromium reaches.
            ...(process.platform === 'linux' || process.env.LP_SOFTWARE === '1' ? softwareGpu : []),
            // Chromium refuses to run as root with its sandbox.
            ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
          ],
        },
      },
    },
  ],
});
