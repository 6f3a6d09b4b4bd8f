// `latent-preview info`: what a file is, what its numbers look like, and which formats they may be.

import { formats, type LatentFormat } from '../index';
import { namedFormat } from './choose-format';
import { type Command, type Context, type ExitCode, exitCodes, UsageError } from './command';
import { errorMessage } from './errors';
import { findInputs } from './inputs';
import { describeReport, inspect, plainReport } from './inspect';
import { commonOptions, type Options, optionHelp, parseOptions, type Values } from './options';
import { readingFrom, readingOptions } from './reading';
import { textTable } from './table';

const options = {
  ...readingOptions,
  format: { ...readingOptions.format, help: 'The format by which channels are told apart. Default: the likeliest.' },
  formats: { type: 'boolean', help: 'List every format that the package knows, and nothing else.' },
  recursive: { type: 'boolean', short: 'r', help: 'Look into the subfolders of folders too.' },
  json: { type: 'boolean', help: 'Print JSON, an object per file. Numbers that are not finite are null.' },
  ...commonOptions,
} as const satisfies Options;

export const info: Command = {
  name: 'info',
  summary: 'what a file is: tensors, statistics, which format it may be',
  help: `Usage: latent-preview info [options] FILE or FOLDER ...
       latent-preview info --formats

Tells a file's kind, its tensors and metadata; of its latents the minimum, maximum, mean
and deviation of each channel, how many numbers are NaN or infinite, and the formats they
may be in, likeliest first, each with the reason.

${optionHelp(options)}

A guess's distance says how far means and deviations lie from what the format's latents
usually have; 0 is exactly that. The first is called clear where it is near and nothing
else comes close: decode takes only such a guess.

Examples:
  latent-preview info coffee.npy
  latent-preview info --json latents/ > latents.json
  latent-preview info --shape 1,16,64,64 --dtype float16 raw.bin`,

  async run(args, context) {
    const { values, names } = parseOptions(args, options);
    if (values.quiet) context.terminal.beQuiet();
    if (values.formats) {
      context.terminal.print(await formatList(values.json));
      return exitCodes.ok;
    }
    if (names.length === 0) throw new UsageError('info: name at least one file or folder');
    return runInfo(values, names, context);
  },
};

async function runInfo(values: Values<typeof options>, names: readonly string[], context: Context): Promise<ExitCode> {
  const { terminal, signal } = context;
  const reading = readingFrom(values);
  const format = values.format === undefined ? undefined : await namedFormat(values.format);
  const { inputs, failures } = await findInputs(names, ['latents'], { recursive: values.recursive });
  const results: object[] = [];
  let failed = 0;
  const fail = (path: string, error: unknown): void => {
    signal.throwIfAborted();
    terminal.error(`latent-preview: ${path}: ${errorMessage(error, path)}`);
    results.push({ file: path, error: errorMessage(error, path) });
    failed++;
  };
  for (const { path, error } of failures) fail(path, error);
  for (const [index, { path, place }] of inputs.entries()) {
    terminal.progress(index / inputs.length, place);
    try {
      const report = await inspect(path, reading, format, signal);
      results.push(plainReport(report));
      if (!values.json) terminal.print((index > 0 ? '\n' : '') + describeReport(report));
    } catch (error) {
      fail(path, error);
    }
  }
  terminal.endProgress();
  if (values.json) terminal.print(JSON.stringify(results, null, 2));
  return failed > 0 ? exitCodes.failed : exitCodes.ok;
}

async function formatList(json: boolean | undefined): Promise<string> {
  const { copyleftFormats } = await import('../formats/copyleft/index');
  const all: readonly LatentFormat[] = [...Object.values(formats), ...Object.values(copyleftFormats)];
  if (json) return JSON.stringify(all, null, 2);
  const map = ({ latentRgbFactors, source }: LatentFormat): string => (latentRgbFactors ? source.licence : 'none');
  return textTable([
    ['id', 'name', 'channels', 'pixels per side', 'published map'],
    ...all.map((one) => [one.id, one.name, `${one.channels}`, `${one.spatialDownscale}`, map(one)]),
  ]);
}
