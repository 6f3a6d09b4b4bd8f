// Sends steps to all who connect: `const server = new WebSocketServer({ port: 8000 }); await sendSteps(server, steps)`.
// Viewers: readLatentSteps(new WebSocket(address)). Needs the package `ws`.

import { encodeLatents } from 'latent-preview/stream';

/**
 * @param {import('ws').WebSocketServer} server
 * @param {AsyncIterable<{ latents: import('latent-preview').Latents } & import('latent-preview/stream').EncodeOptions>} steps
 */
export async function sendSteps(server, steps) {
  for await (const { latents, ...about } of steps) {
    const packet = await encodeLatents(latents, about);
    // One that has not got the step before yet is better off with the next; but the last is what all was for.
    for (const viewer of server.clients)
      if (viewer.readyState === viewer.OPEN && (viewer.bufferedAmount === 0 || about.step === about.steps))
        viewer.send(packet);
  }
}
