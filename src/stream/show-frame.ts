// One frame of a stream onto the canvas: latents by the previewer, a picture that a server has made as it is.

import type { Canvas } from '../canvas';
import type { Latents } from '../latents';
import type { FrameOptions, Previewer } from '../previewer';
import type { LatentStep } from './decode';

/** One step that a server has decoded itself: a small picture in place of latents. */
export interface ImageStep {
  /** A whole JPEG, PNG or WebP file. */
  readonly image: Blob;
  /** How many steps are done; 0: none, or not counted. */
  readonly step: number;
  /** How many there will be; undefined where the server does not say. */
  readonly steps: number | undefined;
  /** How much of the work is done, from 0 to 1; undefined where the server does not say. */
  readonly progress: number | undefined;
  /** How large it is meant to be shown, in pixels, where the server says so: previews may be smaller than the image. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
  /** What the server calls the job; undefined where it does not say. */
  readonly job: string | undefined;
  /** The node of the job's graph that made it; undefined where there is none, or the server does not say. */
  readonly node: string | undefined;
  /** Steps before it that were dropped because nobody had read them. */
  readonly missed: number;
}

/** A previewer, here or in a worker. */
export type StreamPreviewer = Pick<Previewer, 'toCanvas' | 'device'>;

/** What is shown: latents, a step that `readLatentSteps` read, or one that an adapter of a UI's protocol read. */
export type StreamFrame = Latents | LatentStep | ImageStep;

/**
 * Resolves once it is submitted, or drawn.
 * @throws LatentPreviewError as the previewer's `toCanvas`; `file` where a picture's bytes are none
 */
export async function showFrame(
  previewer: StreamPreviewer,
  canvas: Canvas,
  frame: StreamFrame,
  options: FrameOptions,
): Promise<void> {
  // Those who get latents alone need not load it.
  if ('image' in frame) return (await import('./show-image')).showImage(previewer, canvas, frame, options);
  return previewer.toCanvas('latents' in frame ? frame.latents : frame, canvas, options);
}
