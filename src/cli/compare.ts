// `latent-preview compare`: how close a picture, or the picture of latents, is to a reference.

import { compareImages, type ImageDataLike, LatentPreviewError } from '../index';
import { type Command, type Context, type ExitCode, exitCodes, UsageError } from './command';
import { createDecoding, type DecodingValues, decodingOptions, frameFrom } from './decoding';
import { inputKind } from './inputs';
import { amount, commonOptions, type Options, optionHelp, parseOptions, type Values } from './options';
import { requireFree, writeNew } from './outputs';
import { pngBytes, readPicture } from './picture';
import { readingFrom, readLatents } from './reading';
import { textTable } from './table';

const options = {
  diff: { type: 'string', value: 'FILE', help: 'Write a PNG of the difference: black where equal.' },
  amplify: { type: 'string', value: 'N', help: 'How much --diff is brightened. Default: 4.' },
  force: { type: 'boolean', help: 'Overwrite the --diff file where it is there already.' },
  'fail-below': { type: 'string', value: 'DB', help: 'Exit with 1 where PSNR is below this many dB.' },
  json: { type: 'boolean', help: 'Print JSON. Equal pictures have no PSNR: it is null, and "equal" is true.' },
  ...decodingOptions,
  resample: {
    ...decodingOptions.resample,
    help: 'How decoded latents get to the size of the reference. Default: bicubic.',
  },
  ...commonOptions,
} as const satisfies Options;

export const compare: Command = {
  name: 'compare',
  summary: 'PSNR, SSIM and colour difference of two pictures, or of latents and a picture',
  help: `Usage: latent-preview compare [options] PICTURE REFERENCE
       latent-preview compare [options] LATENTS REFERENCE

Pictures are PNG or JPEG of one size. Latents are decoded first, as decode does it, at the
size of the reference.

PSNR in dB over red, green and blue: higher is closer. SSIM of the luma: 1 is equal. dE is
the mean CIEDE2000 colour difference: 0 is equal, about 1 is just visible. Transparency is
ignored.

${optionHelp(options)}

Examples:
  latent-preview compare preview.png full.png --diff difference.png
  latent-preview compare coffee.npy coffee.png -f sdxl -d taesdxl_decoder.safetensors
  latent-preview compare new.png golden.png --fail-below 40 || echo worse`,

  async run(args, context) {
    const { values, names } = parseOptions(args, options);
    if (values.quiet) context.terminal.beQuiet();
    const [image, reference] = names;
    if (image === undefined || reference === undefined || names.length > 2)
      throw new UsageError(`compare: it takes two files, a picture or latents and the reference; got ${names.length}`);
    return runCompare(values, image, reference, context);
  },
};

async function runCompare(
  values: Values<typeof options>,
  image: string,
  reference: string,
  context: Context,
): Promise<ExitCode> {
  const { terminal, signal } = context;
  const bound = amount('fail-below', values['fail-below']);
  const amplify = amount('amplify', values.amplify);
  if (values.diff !== undefined) await requireFree(values.diff, values.force === true);
  const wanted = await at(reference, () => readPicture(reference, signal));
  const given = await at(image, async () =>
    (await inputKind(image)) === 'picture' ? readPicture(image, signal) : decodeAt(values, image, wanted, context),
  );
  const comparison = compareImages(given, wanted, amplify === undefined ? {} : { amplify });
  if (values.diff !== undefined) await writeNew(values.diff, pngBytes(comparison.diff), values.force === true);
  const { psnr, ssim, deltaE, meanError, maxError } = comparison;
  const { width, height } = wanted;
  const equal = maxError === 0;
  if (values.json)
    terminal.print(
      JSON.stringify({ image, reference, width, height, equal, psnr, ssim, deltaE, meanError, maxError }, null, 2),
    );
  else
    terminal.print(
      textTable([
        ['PSNR', equal ? 'equal' : `${psnr.toFixed(2)} dB`],
        ['SSIM', ssim.toFixed(4)],
        ['dE', deltaE.toFixed(2)],
        ['mean error', `${meanError.toFixed(2)} / 255`],
        ['largest error', `${maxError} / 255`],
      ]),
    );
  if (bound === undefined || psnr >= bound) return exitCodes.ok;
  terminal.error(`latent-preview: PSNR ${psnr.toFixed(2)} dB is below ${bound} dB`);
  return exitCodes.failed;
}

/** Names the file in what is said about it. */
async function at<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof LatentPreviewError) throw new LatentPreviewError(error.code, `${path}: ${error.message}`);
    throw error;
  }
}

async function decodeAt(
  values: DecodingValues,
  path: string,
  { width, height }: ImageDataLike,
  { terminal, signal }: Context,
): Promise<ImageDataLike> {
  const decoding = await createDecoding(values, terminal);
  try {
    const { format, latents, notes } = await decoding.choose(await readLatents(path, readingFrom(values), signal));
    for (const note of notes) terminal.note(`${path}: ${note}`);
    const previewer = await decoding.previewer(format);
    return await previewer.toImageData(latents, {
      resample: 'bicubic',
      ...frameFrom(values),
      size: { width, height },
      signal,
      onProgress: (fraction) => terminal.progress(fraction, path),
    });
  } finally {
    terminal.endProgress();
    decoding.destroy();
  }
}
