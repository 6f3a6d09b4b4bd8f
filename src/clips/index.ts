// Clips and batches as wholes: when each latent frame of a video is on show, and all pictures on one sheet.
// A separate entry point that needs no GPU: `import { clipTiming, contactSheet } from 'latent-preview/clips'`.

export { contactSheet, sheetGrid } from './sheet';
export { type ClipTiming, clipTiming, frameAt, type TimedFrame } from './timing';
