// The README's picture: the built demo page as it opens, in Chromium. `npm run build:demo` first.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { preview } from 'vite';
import { findChromium, root } from './setup.mjs';

const server = await preview({ mode: 'demo', logLevel: 'error', preview: { port: 4321, host: '127.0.0.1' } });
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({ executablePath: findChromium(), args });
const page = await browser.newPage({ viewport: { width: 1280, height: 880 } });
await page.goto(`${server.resolvedUrls.local[0]}?backend=cpu`);
await page.locator('#metrics[data-state=measured]').waitFor();
// The strip's pictures are decoded after the stage's.
await page.waitForTimeout(1000);
mkdirSync(join(root, 'docs'), { recursive: true });
await page.screenshot({ path: join(root, 'docs', 'demo.jpg'), type: 'jpeg', quality: 88 });
await browser.close();
await server.close();
