// Films from pictures: GIF in a worker, MP4 and WebM through the browser's own encoders. What writes the files is loaded when
// the first one is made.

import type { GifAnswer, GifRequest } from './gif.worker';

export type FilmKind = 'gif' | 'mp4' | 'webm';

/** One picture, and for how many frames of the film it is on show. All of a film have one size. */
export interface FilmFrame {
  readonly image: ImageData;
  readonly count: number;
}

interface FilmOptions {
  readonly framesPerSecond: number;
  readonly signal: AbortSignal;
}

const codecs = { mp4: ['avc'], webm: ['vp9', 'vp8'] } as const;
const codecNames = { mp4: 'H.264', webm: 'VP9 or VP8' } as const;
/** Encoders of H.264 take nothing smaller. */
const smallestSide = 16;

/** Rejects with the signal's reason where that aborts. */
export function encodeFilm(kind: FilmKind, frames: AsyncIterable<FilmFrame>, options: FilmOptions): Promise<Blob> {
  return kind === 'gif' ? encodeGif(frames, options) : encodeVideo(kind, frames, options);
}

/** Whether the browser has an encoder at all; one for the very size is looked for when the film is made. */
export async function canEncode(kind: 'mp4' | 'webm'): Promise<boolean> {
  if (typeof VideoEncoder !== 'function') return false;
  const known = { mp4: ['avc1.640028'], webm: ['vp09.00.40.08', 'vp8'] }[kind];
  const answers = known.map((codec) => VideoEncoder.isConfigSupported({ codec, width: 640, height: 480 }));
  return (await Promise.all(answers.map((answer) => answer.catch(() => ({ supported: false }))))).some(
    ({ supported }) => supported,
  );
}

/**
 * Hundredths of a second, as GIF counts, of frames that last so many seconds. Rounded so that no error adds up; never less
 * than two, as browsers take less for ten.
 */
function gifDelays(): (seconds: number) => number {
  let wanted = 0;
  let given = 0;
  return (seconds) => {
    wanted += seconds * 100;
    const delay = Math.max(2, Math.round(wanted) - given);
    given += delay;
    return delay;
  };
}

async function encodeGif(frames: AsyncIterable<FilmFrame>, { framesPerSecond, signal }: FilmOptions): Promise<Blob> {
  const worker = new Worker(new URL('./gif.worker.ts', import.meta.url), { type: 'module' });
  const ask = (request: GifRequest): Promise<GifAnswer> =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<GifAnswer>) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(`GIF: ${message || 'the worker did not start'}`));
      signal.onabort = () => reject(signal.reason);
      worker.postMessage(request);
    });
  try {
    const delay = gifDelays();
    for await (const { image, count } of frames) {
      signal.throwIfAborted();
      const { width, height, data } = image;
      if (Math.max(width, height) > 65_535) throw new Error(`GIF: ${width}×${height} is more than 65535 a side`);
      // Copied, not handed over: the page may keep the picture.
      await ask({ image: { width, height, data }, hundredths: delay(count / framesPerSecond) });
    }
    return new Blob([(await ask('end')) as Uint8Array<ArrayBuffer>], { type: 'image/gif' });
  } finally {
    signal.onabort = null;
    worker.terminate();
  }
}

async function encodeVideo(
  kind: 'mp4' | 'webm',
  frames: AsyncIterable<FilmFrame>,
  { framesPerSecond, signal }: FilmOptions,
): Promise<Blob> {
  const {
    BufferTarget,
    CanvasSource,
    getFirstEncodableVideoCodec,
    Mp4OutputFormat,
    Output,
    QUALITY_VERY_HIGH,
    WebMOutputFormat,
  } = await import('mediabunny');
  const target = new BufferTarget();
  const format = kind === 'mp4' ? new Mp4OutputFormat({ fastStart: 'in-memory' }) : new WebMOutputFormat();
  const output = new Output({ format, target });
  const canvas = new OffscreenCanvas(1, 1);
  let source: InstanceType<typeof CanvasSource> | undefined;
  let written = 0;
  try {
    for await (const { image, count } of frames) {
      signal.throwIfAborted();
      drawEven(canvas, image);
      if (!source) {
        const { width, height } = canvas;
        const codec = await getFirstEncodableVideoCodec([...codecs[kind]], { width, height });
        if (!codec) throw new Error(noEncoder(kind, `${width}×${height}`));
        source = new CanvasSource(canvas, { codec, quality: QUALITY_VERY_HIGH });
        output.addVideoTrack(source, { frameRate: framesPerSecond });
        await output.start();
      }
      // Each frame of the film by itself: players are poor at frames of unequal length, and repeated ones take few bytes.
      for (const end = written + count; written < end; written++) {
        signal.throwIfAborted();
        await source.add(written / framesPerSecond, 1 / framesPerSecond);
      }
    }
    await output.finalize();
  } catch (error) {
    if (output.state === 'started') await output.cancel();
    throw error;
  }
  return new Blob([target.buffer ?? new ArrayBuffer(0)], { type: `video/${kind}` });
}

export const noEncoder = (kind: 'mp4' | 'webm', size?: string): string =>
  `This browser has no encoder of ${codecNames[kind]}${size ? ` for ${size}` : ''}, so there is no ` +
  `${kind === 'mp4' ? 'MP4; WebM, GIF' : 'WebM; MP4, GIF'} and PNGs remain`;

/** At sides that are even, as chroma has one sample for two pixels: the last row and column once more where they are not. */
function drawEven(canvas: OffscreenCanvas, image: ImageData): void {
  const scale = Math.ceil(smallestSide / Math.min(image.width, image.height));
  const [width, height] = [image.width * scale, image.height * scale];
  canvas.width = Math.ceil(width / 2) * 2;
  canvas.height = Math.ceil(height / 2) * 2;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('video: the browser gave no canvas to draw on');
  context.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  if (scale > 1) context.drawImage(canvas, 0, 0, image.width, image.height, 0, 0, width, height);
  if (canvas.width > width) context.drawImage(canvas, width - 1, 0, 1, height, width, 0, 1, height);
  if (canvas.height > height) context.drawImage(canvas, 0, height - 1, canvas.width, 1, 0, height, canvas.width, 1);
}
