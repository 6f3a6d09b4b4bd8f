import { createPreviewer, guessFormats, loadLatents } from 'latent-preview';

/** Files do not say what they are. Guesses come ranked and with a reason; let a person choose where it matters. */
export async function showUnknown(file: File | string, canvas: HTMLCanvasElement): Promise<string> {
  const [best] = await guessFormats(await loadLatents(file));
  if (!best) return 'No known format has this many channels.';
  const { format, domain, latents, reason } = best;
  const previewer = await createPreviewer({ format });
  await previewer.toCanvas(latents, canvas); // the file's, read as the guess says
  previewer.destroy();
  return `${format.name} (${domain} domain): ${reason}`;
}
