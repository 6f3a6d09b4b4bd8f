// What `info` finds out about one file, and how it is told to a person.

import { readFile } from 'node:fs/promises';
import { channelStatistics, notFinite, type Statistics, tensorStatistics } from '../channels/statistics';
import { weightsKind } from '../decoders/weights-kind';
import { bytesSource, openTensorFile, readAll, type TensorFile } from '../files/index';
import { isClear, listGuesses } from '../guess/clear';
import { type FormatGuess, guessFormats, type LatentFormat, type Latents, loadLatents } from '../index';
import { formatShape, type Tensor } from '../tensor';
import { fittingLayouts } from '../view';

import type { Reading } from './reading';
import { textTable } from './table';

export interface Report {
  readonly file: string;
  readonly bytes: number;
  /** `npy`, `npz`, `safetensors`, `torch`, `png`, `raw`. */
  readonly kind: string;
  readonly tensors: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[] }[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Absent in a file of weights. */
  readonly latents?: LatentsReport;
  /** What the weights are, by their names. */
  readonly weights?: string;
}

interface LatentsReport {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Where the file or the command line says it. */
  readonly domain?: string;
  /** Why, where the file says it. */
  readonly domainReason?: string;
  readonly statistics: Statistics;
  /** By the first guess or the format that was asked for; absent where no format fits. */
  readonly channels?: { readonly format: string; readonly statistics: readonly Statistics[] };
  readonly guesses: readonly FormatGuess[];
  /** Whether decode would take the first guess. */
  readonly clear: boolean;
}

/** @throws LatentPreviewError `file`, `shape` */
export async function inspect(
  path: string,
  reading: Reading,
  format: LatentFormat | undefined,
  signal: AbortSignal,
): Promise<Report> {
  const bytes = await readFile(path, { signal });
  const file: TensorFile | undefined = reading.shape
    ? undefined
    : await readAll(await openTensorFile(bytesSource(bytes)));
  const report: Report = {
    file: path,
    bytes: bytes.byteLength,
    kind: file?.kind ?? 'raw',
    tensors: [...(file?.tensors ?? [])].map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    metadata: Object.fromEntries(file?.metadata ?? []),
  };
  try {
    return { ...report, latents: await inspectLatents(await loadLatents(bytes, reading), format) };
  } catch (error) {
    const kind = file ? weightsKind(file.tensors) : 'other';
    // A file of weights is no failure: it is what it is.
    if (kind === 'other') throw error;
    return { ...report, weights: weightsNames[kind] };
  }
}

const weightsNames: Readonly<Record<Exclude<ReturnType<typeof weightsKind>, 'other'>, string>> = {
  taesd: 'a decoder of the TAESD family, for --decoder',
  encoder: 'an encoder of the TAESD family, from pictures to latents',
  taehv: 'a video decoder (TAEHV), which is not supported yet',
  vaeApprox: "A1111's VAEApprox, for --decoder",
  mini: "this project's mini decoder, for --decoder",
  mlp: 'a perceptron per pixel, for --decoder',
  vae: 'a full VAE',
};

async function inspectLatents(latents: Latents, asked: LatentFormat | undefined): Promise<LatentsReport> {
  const tensor = latents.tensor as Tensor;
  const guesses = await guessFormats(latents);
  const format = asked ?? guesses[0]?.format;
  // Guesses leave out a layout that does not fit them.
  const fits = format && (asked || fittingLayouts(tensor.shape, format, latents.layout).length > 0);
  return {
    dtype: tensor.dtype,
    shape: tensor.shape,
    ...(latents.domainFrom === 'default' ? {} : { domain: latents.domain }),
    ...(latents.domainFrom === 'file' && latents.reason !== undefined && { domainReason: latents.reason }),
    statistics: tensorStatistics(tensor),
    ...(fits && {
      channels: { format: format.id, statistics: channelStatistics(latents, { format }) },
    }),
    guesses,
    clear: isClear(guesses),
  };
}

/** For JSON: of each guess what tells it apart. */
export function plainReport({ latents, ...report }: Report): object {
  if (!latents) return report;
  const guesses = latents.guesses.map(({ format: { id, name }, domain, layout, size, distance, reason }) => ({
    ...{ format: id, name, domain, layout, ...(size && { size }), distance, reason },
  }));
  return { ...report, latents: { ...latents, guesses } };
}

const listedTensors = 12;
const listedGuesses = 3;

export function describeReport({ file, bytes, kind, tensors, metadata, latents, weights }: Report): string {
  const lines = [`${file}: ${kind}, ${bytes} bytes`];
  for (const { name, dtype, shape } of tensors.slice(0, listedTensors))
    lines.push(`  ${name === '' ? '' : `${name}  `}${dtype} ${formatShape(shape)}`);
  if (tensors.length > listedTensors) lines.push(`  and ${tensors.length - listedTensors} tensors more`);
  for (const [key, text] of Object.entries(metadata)) lines.push(`  metadata ${key}: ${shortened(text)}`);
  if (weights !== undefined) lines.push(`  weights, not latents: ${weights}`);
  return [...lines, ...(latents ? describeLatents(latents) : [])].join('\n');
}

function describeLatents({ statistics, channels, domain, domainReason, guesses, clear }: LatentsReport): string[] {
  const { count, nan } = statistics;
  const odd = notFinite(statistics);
  const rows = (channels?.statistics ?? []).map((one, index) => statisticsRow(`${index}`, one));
  const head = [channels ? `channel (${channels.format})` : '', 'min', 'max', 'mean', 'std', 'not finite'];
  const table = [head, ...rows, statisticsRow('all', statistics)];
  return [
    odd === 0
      ? `  all ${count} numbers are finite`
      : `  of ${count} numbers ${nan} are NaN and ${odd - nan} infinite: pictures show them as 0`,
    ...(domain === undefined
      ? []
      : [`  ${domain} domain, by the ${domainReason === undefined ? 'command line' : `file: ${domainReason}`}`]),
    '',
    textTable(odd === 0 ? table.map((row) => row.slice(0, -1)) : table, { indent: 2 }),
    '',
    guesses.length === 0
      ? '  No known format fits this shape.'
      : `  Formats it may be in; ${clear ? 'the first is clear' : 'none is clear, so decode needs --format'}:`,
    ...(guesses.length === 0 ? [] : [listGuesses(guesses, listedGuesses)]),
  ];
}

const statisticsRow = (name: string, statistics: Statistics): string[] => [
  name,
  ...(['min', 'max', 'mean', 'std'] as const).map((key) => statistics[key].toFixed(3)),
  `${notFinite(statistics)}`,
];

/** A workflow has thousands of characters. */
function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 60 ? `${line.slice(0, 60)}… (${text.length} characters)` : line;
}
