// `latent-preview decode`: latents to PNG files.

import { type LatentView, viewLatents } from '../index';
import { type Command, type Context, type ExitCode, exitCodes, UsageError } from './command';
import { createDecoding, type Decoding, type DecodingValues, decodingOptions, frameFrom, sizeFrom } from './decoding';
import { errorMessage } from './errors';
import { findInputs, type Input } from './inputs';
import { commonOptions, type Options, optionHelp, parseOptions, type Values } from './options';
import { createOutputs, type Outputs } from './outputs';
import { pngBytes } from './picture';
import { type Reading, readingFrom, readLatents } from './reading';

const options = {
  ...decodingOptions,
  all: { type: 'boolean', short: 'a', help: 'Every item and every frame, each a picture of its own.' },
  size: {
    type: 'string',
    short: 's',
    value: 'SIZE',
    help: "latent (default): the decoder's own size. image: the size that the model's VAE would give. Or pixels: 640x480.",
  },
  out: {
    type: 'string',
    short: 'o',
    value: 'PLACE',
    help: 'A folder, made where missing, or a file ending in .png. Default: beside each input.',
  },
  force: { type: 'boolean', help: 'Overwrite pictures that are there already.' },
  recursive: { type: 'boolean', short: 'r', help: 'Look into the subfolders of folders too.' },
  json: { type: 'boolean', help: 'Print what was done as JSON.' },
  ...commonOptions,
} as const satisfies Options;

interface Result {
  readonly input: string;
  readonly output?: string;
  readonly width?: number;
  readonly height?: number;
  readonly item?: number;
  readonly frame?: number;
  readonly format?: string;
  readonly domain?: string;
  /** Why this format, where it was not given. */
  readonly guess?: string;
  readonly decoder?: string;
  readonly backend?: string;
  readonly error?: string;
}

export const decode: Command = {
  name: 'decode',
  summary: 'latents to PNG pictures',
  help: `Usage: latent-preview decode [options] FILE or FOLDER ...

Decodes latents (.npy, .npz, .safetensors, ComfyUI's .latent, PyTorch's .pt, raw
numbers) to PNG pictures.
Of a folder, the files that hold tensors are taken, told by their first bytes.

${optionHelp(options)}

Domains: the same latents exist in two scales. The sampler's are model latents; the full
VAE takes raw ones. Read in the wrong one, a picture is garish, or plausible in wrong
colours. Files rarely say which they are: see --domain.

Names: coffee.npy becomes coffee.png; with --all, clip-frame03.png, batch-item1.png.
A file that fails is told and does not stop the others.

Examples:
  latent-preview decode coffee.npy                        a picture of its own size
  latent-preview decode -f sdxl -s image latents/ -o out/ a folder, at full size
  latent-preview decode -f sdxl -d taesdxl_decoder.safetensors coffee.npy
  latent-preview decode -f wan21 --all clip.safetensors -o frames/`,

  async run(args, context) {
    const { values, names } = parseOptions(args, options);
    if (values.quiet) context.terminal.beQuiet();
    if (names.length === 0) throw new UsageError('decode: name at least one file or folder of latents');
    if (values.all && (values.item !== undefined || values.frame !== undefined))
      throw new UsageError('decode: --all takes every item and frame; leave --item and --frame out');
    return runDecode(values, names, context);
  },
};

type DecodeValues = Values<typeof options> & DecodingValues;

async function runDecode(values: DecodeValues, names: readonly string[], context: Context): Promise<ExitCode> {
  const { terminal, signal } = context;
  const reading = readingFrom(values);
  const [frame, size] = [frameFrom(values), sizeFrom(values.size)];
  const { inputs, failures } = await findInputs(names, ['latents'], { recursive: values.recursive });
  const outputs = createOutputs(inputs, { out: values.out, force: values.force, ending: '.png' });
  const decoding = await createDecoding(values, terminal);
  const results: Result[] = [];
  const fail = (input: string, error: unknown): void => {
    signal.throwIfAborted();
    terminal.error(`latent-preview: ${input}: ${errorMessage(error, input)}`);
    results.push({ input, error: errorMessage(error, input) });
  };
  for (const { path, error } of failures) fail(path, error);
  try {
    for (const [index, input] of inputs.entries()) {
      const job: Job = {
        input,
        reading,
        frameOptions: { ...frame, ...(size && { size }) },
        all: values.all === true,
        outputs,
        decoding,
        onProgress: (fraction) => terminal.progress((index + fraction) / inputs.length, input.place),
      };
      try {
        for await (const result of decodeFile(job, context)) {
          results.push(result);
          if (!values.json && !values.quiet) terminal.print(describeResult(result));
        }
      } catch (error) {
        fail(input.path, error);
      }
    }
  } finally {
    terminal.endProgress();
    decoding.destroy();
  }
  if (values.json) terminal.print(JSON.stringify(results, null, 2));
  const failed = new Set(results.filter(({ error }) => error !== undefined).map(({ input }) => input)).size;
  if (failed > 0 && inputs.length + failures.length > 1)
    terminal.note(`${failed} of ${inputs.length + failures.length} inputs failed`);
  return failed > 0 ? exitCodes.failed : exitCodes.ok;
}

interface Job {
  readonly input: Input;
  readonly reading: Reading;
  readonly frameOptions: ReturnType<typeof frameFrom> & { readonly size?: ReturnType<typeof sizeFrom> };
  readonly all: boolean;
  readonly outputs: Outputs;
  readonly decoding: Decoding;
  readonly onProgress: (fraction: number) => void;
}

async function* decodeFile(job: Job, { terminal, signal }: Context): AsyncGenerator<Result> {
  const { input, reading, all, outputs, decoding, onProgress } = job;
  onProgress(0);
  const read = await readLatents(input.path, reading, signal);
  const { format, latents, guess, notes } = await decoding.choose(read);
  for (const note of notes) terminal.note(`${input.path}: ${note}`);
  const previewer = await decoding.previewer(format);
  const view = viewLatents(latents, format);
  const pictures = all ? everyFrame(view) : [{ mark: '' }];
  for (const [index, { mark, ...place }] of pictures.entries()) {
    signal.throwIfAborted();
    const output = await outputs.pathFor(input, mark);
    const picture = await previewer.toImageData(latents, {
      ...job.frameOptions,
      ...place,
      signal,
      onProgress: (fraction) => onProgress((index + fraction) / pictures.length),
    });
    await outputs.write(output, pngBytes(picture));
    const { width, height } = picture;
    yield {
      ...{ input: input.path, output, width, height, ...place },
      ...{ format: format.id, domain: latents.domain, ...(guess && { guess: guess.reason }) },
      ...{ decoder: previewer.decoder.name, backend: previewer.backend },
    };
  }
}

/** Each item and frame, with what marks its picture's name: numbers of equal length, so that names sort. */
function everyFrame({ items, frames }: LatentView): { mark: string; item: number; frame: number }[] {
  const number = (index: number, count: number): string => `${index}`.padStart(`${count - 1}`.length, '0');
  return Array.from({ length: items * frames }, (_, index) => {
    const [item, frame] = [Math.floor(index / frames), index % frames];
    const mark =
      (items > 1 ? `-item${number(item, items)}` : '') + (frames > 1 ? `-frame${number(frame, frames)}` : '');
    return { mark, item, frame };
  });
}

const describeResult = ({ input, output, width, height, format, domain, decoder }: Result): string =>
  `${input} → ${output}  ${width}×${height}, ${format}, ${domain} domain, ${decoder}`;
