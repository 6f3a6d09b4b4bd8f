// `latent-preview fit`: a map of one's own from latents and their pictures.

import { type FitPair, fitLatentMap, type LatentMap, type LatentMapKind, writeLatentMap } from '../fit/index';
import { type LatentFormat, LatentPreviewError } from '../index';
import { chooseFormat, namedFormat } from './choose-format';
import { type Command, type Context, type ExitCode, exitCodes, UsageError } from './command';
import { describeFit } from './fit-report';
import { findInputs } from './inputs';
import { amount, commonOptions, type Options, oneOf, optionHelp, parseOptions, type Values } from './options';
import { requireFree, writeNew } from './outputs';
import { baseName, type Match, matchPairs } from './pairs';
import { readPicture } from './picture';
import { publishedFigures } from './published';
import { type Reading, readingFrom, readingOptions, readLatents } from './reading';

const options = {
  kind: {
    type: 'string',
    short: 'k',
    value: 'KIND',
    help: 'Terms of the map: linear, affine (default), quadratic or cubic.',
  },
  neighbourhood: {
    type: 'string',
    short: 'n',
    value: 'K',
    help: 'The linear terms look at K x K latent pixels: 1 (default), 3 or 5.',
  },
  upscale: {
    type: 'string',
    short: 'u',
    value: 'N',
    help: 'Picture pixels per latent pixel and side: 1 (default), 2, 4 or 8.',
  },
  ridge: {
    type: 'string',
    value: 'R',
    help: 'How strongly coefficients are held towards zero: a number, or auto: what does best on the pictures held out. Default: auto where there are some, else 0.0001.',
  },
  'hold-out': {
    type: 'string',
    value: 'WHICH',
    help: 'Pictures that the fit must not see: a share such as 0.2 (default), 0 for none, or base names with commas between: astronaut,coffee.',
  },
  out: {
    type: 'string',
    short: 'o',
    value: 'FILE',
    help: 'Where the map goes, as JSON or, where it ends in .safetensors, as that. Default: by its name, sdxl-affine-3x3.json.',
  },
  name: { type: 'string', value: 'TEXT', help: 'What the map is called. Default: format, kind and sizes.' },
  force: { type: 'boolean', help: 'Overwrite the map where it is there already.' },
  recursive: { type: 'boolean', short: 'r', help: 'Look into the subfolders of folders too.' },
  json: { type: 'boolean', help: 'Print the report as JSON.' },
  ...readingOptions,
  ...commonOptions,
} as const satisfies Options;

export const fit: Command = {
  name: 'fit',
  summary: 'a map to RGB of your own, from latents and their pictures',
  help: `Usage: latent-preview fit [options] FILE or FOLDER ...

Fits a map from latents to RGB by least squares, measures it on pictures that it has not
seen, and beside it every published table of the format on the same pictures.

Latents and pictures (PNG, JPEG) are matched by their base names: coffee.npy or
coffee.sdxl.npy with coffee.jpg. They may lie in one folder or several. A picture is the
photo that was encoded, or the full VAE's decode, of any size that shows the same field.

${optionHelp(options)}

Domains: a map takes model latents. Raw VAE latents are converted first; say --domain vae
where the files do not say so themselves.

Examples:
  latent-preview fit -f sdxl pairs/
  latent-preview fit -f sdxl -n 3 -k affine latents/ photos/ -o mine.json
  latent-preview fit -f sd15 --hold-out coffee,rocket latents/*.sd15.npy photos/
  latent-preview decode -d mine.json other.npy             uses the map`,

  async run(args, context) {
    const { values, names } = parseOptions(args, options);
    if (values.quiet) context.terminal.beQuiet();
    if (names.length === 0) throw new UsageError('fit: name a folder of latents and pictures, or several');
    return runFit(values, names, context);
  },
};

const kinds: readonly LatentMapKind[] = ['linear', 'affine', 'quadratic', 'cubic'];

async function runFit(values: Values<typeof options>, names: readonly string[], context: Context): Promise<ExitCode> {
  const { terminal, signal } = context;
  const kind = oneOf('kind', values.kind, kinds);
  const neighbourhood = numberOf('neighbourhood', values.neighbourhood, [1, 3, 5]);
  const upscale = numberOf('upscale', values.upscale, [1, 2, 4, 8]) ?? 1;
  const ridge = values.ridge === 'auto' ? 'auto' : amount('ridge', values.ridge);
  const reading = readingFrom(values);
  const named = values.format === undefined ? undefined : await namedFormat(values.format);
  if (values.out !== undefined) await requireFree(values.out, values.force === true);

  const matches = await findPairs(names, values.recursive, context);
  const [first] = matches;
  if (!first) throw noPairs(names);
  terminal.note(`fit: ${matches.length} ${matches.length === 1 ? 'pair' : 'pairs'}`);
  const { format, domain } = await formatOf(first, named, reading, context);
  const pairs = matches.map(({ latents, picture }) => async (): Promise<FitPair> => {
    const read = await readLatents(latents.path, { ...reading, ...(domain && { domain }) }, signal);
    return { name: latents.place, latents: read, image: await readPicture(picture.path, signal) };
  });
  const holdOut = holdOutOf(values['hold-out'], matches);

  // The tables are measured after the fit, in much less time.
  const fitShare = 0.9;
  const { map, report } = await fitLatentMap(pairs, {
    ...{ format, upscale, signal },
    ...(kind && { kind }),
    ...(neighbourhood && { neighbourhood }),
    ...(ridge !== undefined && { ridge }),
    ...(holdOut !== undefined && { holdOut }),
    ...(values.name !== undefined && { name: values.name }),
    onProgress: (fraction) => terminal.progress(fraction * fitShare, 'fitting'),
  });
  for (const warning of report.warnings) terminal.note(`fit: ${warning}; --domain says what they are`);
  const judged = pairs.filter((_, index) => report.images[index]?.heldOut === (report.heldOut !== undefined));
  const published = await publishedFigures(format, judged, upscale, {
    signal,
    onProgress: (fraction) => terminal.progress(fitShare + fraction * (1 - fitShare), 'measuring the published tables'),
  });
  terminal.endProgress();

  const out = values.out ?? fileNameOf(map);
  const type = out.toLowerCase().endsWith('.safetensors') ? 'safetensors' : 'json';
  await writeNew(out, writeLatentMap(map, type), values.force === true);
  if (values.json) {
    const averages = published.map(({ images: _, ...average }) => average);
    terminal.print(JSON.stringify({ map: out, name: map.name, report, published: averages }, null, 2));
  } else if (!values.quiet) terminal.print(`${describeFit(map, report, published)}\n`);
  terminal.note(`map written to ${out}; use it with: latent-preview decode --decoder ${out}`);
  return exitCodes.ok;
}

/** The pairs among what is named; what is left over is told. */
async function findPairs(
  names: readonly string[],
  recursive: boolean | undefined,
  { terminal }: Context,
): Promise<readonly Match[]> {
  const { inputs, failures } = await findInputs(names, ['latents', 'picture'], { recursive });
  const [failure] = failures;
  if (failure) throw failure.error;
  const latents = inputs.filter(({ kind }) => kind !== 'picture');
  const { pairs, lonely, torn } = matchPairs(
    latents,
    inputs.filter(({ kind }) => kind === 'picture'),
  );
  const [unclear] = torn;
  if (unclear)
    throw new LatentPreviewError(
      'file',
      `fit: ${unclear.latents.path} could go with ${unclear.pictures.map(({ path }) => path).join(' or ')}; leave one out`,
    );
  if (pairs.length > 0 && lonely.length > 0)
    terminal.note(
      `fit: ${lonely.length} without a PNG or JPEG of the same base name, left out: ` +
        lonely.map(({ place }) => place).join(', '),
    );
  const shared = pairs.find(({ picture }, k) => pairs.slice(0, k).some((other) => other.picture === picture));
  if (shared)
    terminal.note(
      `fit: ${shared.picture.place} goes with several latents, ${shared.latents.place} among them; all must be of one format`,
    );
  return pairs;
}

const noPairs = (names: readonly string[]): LatentPreviewError =>
  new LatentPreviewError(
    'file',
    `fit: no pairs in ${names.join(', ')}; it takes latents and PNG or JPEG pictures of the same base name, ` +
      'such as coffee.npy and coffee.png',
  );

/** The format given, or that of the first pair where it is clear, and then its domain for all. */
async function formatOf(
  { latents: { path } }: Match,
  named: LatentFormat | undefined,
  reading: Reading,
  { terminal, signal }: Context,
): Promise<{ format: LatentFormat; domain?: Reading['domain'] }> {
  if (named) return { format: named };
  const { format, latents, notes } = await chooseFormat(await readLatents(path, reading, signal), {});
  for (const note of notes) terminal.note(`${path}: ${note}; all the others are taken for the same`);
  return { format, ...(latents.domainFrom === 'default' && { domain: latents.domain }) };
}

/** A share, or the names of the pairs that are meant. */
function holdOutOf(value: string | undefined, matches: readonly Match[]): number | readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (/^[\d.]+$/.test(value)) {
    const share = Number(value);
    if (!(share >= 0 && share < 1)) throw new UsageError(`--hold-out ${value}: a share must be at least 0 and below 1`);
    return share;
  }
  return value.split(',').flatMap((name) => {
    const wanted = baseName(name);
    const found = matches.filter(
      ({ latents, picture }) =>
        latents.place === name || baseName(latents.place) === name.toLowerCase() || baseName(picture.place) === wanted,
    );
    if (found.length === 0)
      throw new UsageError(
        `--hold-out ${name}: no pair has this name; there are ` +
          matches.map(({ picture }) => baseName(picture.place)).join(', '),
      );
    return found.map(({ latents }) => latents.place);
  });
}

function numberOf<T extends number>(name: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  const word = oneOf(name, value, allowed.map(String));
  return allowed.find((number) => `${number}` === word);
}

/** `sdxl affine 3×3 ×2` → `sdxl-affine-3x3-x2.json` */
const fileNameOf = ({ name }: LatentMap): string =>
  `${name
    .toLowerCase()
    .replaceAll('×', 'x')
    .replace(/[^a-z0-9.]+/g, '-')}.json`;
