// The single file, as a page without a bundler loads it: `<script type="module">`, from another origin.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@playwright/test';

const library = readFileSync(new URL('../../dist/standalone.js', import.meta.url));

const html = `<!doctype html><title>no bundler</title><canvas></canvas><script type="module">
  import { createPreviewer, latentsFromArray } from 'ADDRESS';
  const canvas = document.querySelector('canvas');
  // Black, and white to its right.
  const latents = latentsFromArray(Float32Array.of(-1, 1, -1, 1, -1, 1), { shape: [1, 3, 1, 2] });
  const pixels = {};
  for (const backend of ['cpu', 'webgpu']) {
    const previewer = await createPreviewer({ format: 'pixel', backend });
    await previewer.toCanvas(latents, canvas);
    pixels[backend] = [...(await previewer.toImageData(latents)).data];
    previewer.destroy();
  }
  document.documentElement.dataset.pixels = JSON.stringify(pixels);
</script>`;

/** Serves one text at every path. */
async function serve(type: string, body: string | Buffer): Promise<{ address: string; close(): void }> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': type, 'access-control-allow-origin': '*' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { address: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

test('128 one file from another origin decodes, and asks for no other', async ({ page }) => {
  const cdn = await serve('text/javascript', library);
  const site = await serve('text/html', html.replace('ADDRESS', `${cdn.address}standalone.js`));
  const requests: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(site.address);
  await page.locator('html[data-pixels]').waitFor({ state: 'attached' });
  const expected = [0, 0, 0, 255, 255, 255, 255, 255];
  expect(JSON.parse((await page.locator('html').getAttribute('data-pixels')) ?? '')).toEqual({
    cpu: expected,
    webgpu: expected,
  });
  expect(requests.filter((url) => !url.endsWith('/favicon.ico'))).toEqual([
    site.address,
    `${cdn.address}standalone.js`,
  ]);
  cdn.close();
  site.close();
});
