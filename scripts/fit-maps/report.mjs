// How the maps of weights/ were made, as their README.

const table = (header, rows) =>
  [header, header.map((_, k) => (k ? '--:' : '---')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const label = ({ kind, neighbourhood, upscale }) => `${kind}, ${neighbourhood}×${neighbourhood}, ×${upscale}`;

const family = ({ id, encoder, chosen, tried, noises }) => `## ${id}

Latents by the ${encoder} encoder. Chosen: **${label(chosen)}**, noise ${chosen.noise}.

${table(
  ['kind, neighbourhood, output', 'multiplications', 'thumbnail dB', 'full dB'],
  tried.map((one) => [label(one), one.multiplications, one.thumbnail.toFixed(2), one.full.toFixed(2)]),
)}

${table(
  ['noise', 'thumbnail dB', 'full dB'],
  noises.map((one) => [one.noise, one.thumbnail.toFixed(2), one.full.toFixed(2)]),
)}
`;

const credit = ({ title, author, licence, package: from, shared }) =>
  `| ${title} | ${author} | ${licence} | ${from ?? `fixtures, ${shared}`} |`;

/** JSON, an object of plain values to a line, numbers to five digits. */
export function reportText(report) {
  const short = (_, value) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
  const flat = (_, fields) => `{ ${fields.replace(/\s*\n\s*/g, ' ')} }`;
  return `${JSON.stringify(report, short, 1).replace(/\{\s+([^{}[\]]*?)\s+\}/g, flat)}\n`;
}

export function weightsReadme(reports, { photos, mostMultiplications, noiseMayCost, worthIt, ridge }) {
  const list = (use) =>
    [
      '| photo | author | licence | from |',
      '|---|---|---|---|',
      ...photos.filter((one) => one.use === use).map(credit),
    ].join('\n');
  return `# Fitted maps

Written by \`scripts/fit-maps/fit.mjs\`, as is all of this folder but \`mini-*\`, which are the small decoders that
[train](../train/README.md) makes: \`<format>.json\` is the map (what \`latentMap()\` takes),
\`<format>.report.json\` what was tried and how the fit did photo by photo. How the maps do beside the published tables, on
photos of which nothing here knows, is in [bench/FIDELITY.md](../bench/FIDELITY.md). MIT, as the rest.

- The latents come from the tiny encoders, not from the full VAE, which they approximate.
- Fitted by least squares (\`fitLatentMap\`, ridge ${ridge}) on three views of each photo (whole; a crop of other exposure and
  saturation; a dark crop) and two charts of flat colours.
- Kind, neighbourhood and output are chosen by the mean full PSNR of other photos among all that take at most
  ${mostMultiplications} multiplications per latent pixel: the cheapest that is not worse than the best by more than ${worthIt} dB.
- Noise: every view is fitted a second time with normal noise added, as much as that costs at most ${noiseMayCost} dB of full
  PSNR of clean photos: 0.3, else 0.2, else 0.1 of the latents' scale. It acts as a ridge, and products of channels lose
  the offset that noise gives them.

The tables below are over the photos to choose by, clean; their maps are fitted on the whole views and the charts alone. What
was chosen is fitted on all views.

${reports.map(family).join('\n')}
## Photos to fit on

${list('fit')}

## Photos to choose by

${list('choose')}
`;
}
