// The measurements of `npm run bench:fidelity` as markdown: FIDELITY.md and the README's table.

const table = (header, rows) =>
  [header, header.map((_, k) => (k ? '--:' : '---')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const number = (value) => Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');

const named = ({ name, licence }) => (licence ? `${name}, ${licence === 'NONE' ? 'no licence' : licence}` : name);

function methodTable({ methods }) {
  return table(
    ['method', 'thumbnail dB', 'full dB', 'SSIM', 'ΔE', 'parameters', 'multiplications'],
    methods.map((method) => [
      named(method),
      method.thumbnail.toFixed(2),
      method.full.toFixed(2),
      method.ssim.toFixed(3),
      method.deltaE.toFixed(2),
      number(method.parameters),
      number(method.multiplications),
    ]),
  );
}

function noiseTable({ methods }, levels) {
  return table(
    ['method', ...levels.flatMap((level) => [`${level}: dB`, 'change'])],
    methods.map((method) => [
      named(method),
      ...method.noise.flatMap(({ thumbnail, change }) => [thumbnail.toFixed(2), change.toFixed(1)]),
    ]),
  );
}

const credit = ({ title, author, licence }) => `${title} (${author}, ${licence})`;

const origin = `The latents were encoded from photos by the tiny
encoders (TAESD, TAESDXL, TAESD3, TAEF1, TAEF2), which approximate what the full VAE gives; no full VAE was at hand. On its
latents figures may differ. The tiny decoders, which were trained with these encoders, and our maps and mini decoders,
which were made on their latents, have the advantage here over the published tables and A1111's nets, which were made for
the full VAEs.`;

export function fidelityReport({ date, photos, noiseLevels, noisePhotos, families }) {
  return `# How near each preview comes to the photo

${date}. Rerun: \`npm run bench:fidelity\` (\`-- --quick\` leaves out the nets, \`-- --families sdxl,flux\` takes some,
\`-- --only ours\` measures that again and takes the rest from the runs before; only whole runs write this file). Everything
is decoded by this package's CPU path, as users get it.

${origin}

Means over ${photos.length} photos on which nothing of ours was fitted, trained or chosen: ${photos.map(credit).join(', ')}.

- thumbnail: PSNR in dB against the photo averaged to the latents' size; larger pictures are averaged to it, smaller ones
  enlarged bicubically.
- full, SSIM, ΔE: against the photo; smaller pictures are enlarged bicubically by the previewer.
- parameters: numbers in the decoder. multiplications: per latent pixel.
- noise: normal noise is added to the latents, its deviation 0.1, 0.3 and 0.6 times that of the photo's latents. Over
  ${noisePhotos.map(({ title }) => title).join(', ')}. dB: the thumbnail against that of the clean photo. change: how far the
  thumbnail moved from the same method's clean one, root mean square in steps of 0 to 255: how much noise comes through.

${families
  .map(
    (family) => `## ${family.title}\n\n${methodTable(family)}\n\nWith noise:\n\n${noiseTable(family, noiseLevels)}\n`,
  )
  .join('\n')}`;
}

const best = (methods, kind, measure) =>
  methods.filter((method) => method.kind === kind).sort((a, b) => b[measure] - a[measure])[0];

/** The README's: a row per family. */
export function readmeTable({ date, photos, families }) {
  const pair = (method) => (method ? `${method.thumbnail.toFixed(1)} / ${method.full.toFixed(1)}` : '–');
  const rows = families.map(({ title, methods }) => {
    const nets = methods.filter(({ kind }) => kind === 'net');
    const table = best(methods, 'table', 'thumbnail');
    return [
      title,
      pair(table),
      pair(best(methods, 'map', 'thumbnail')),
      `**${pair(best(methods, 'mini', 'thumbnail'))}**`,
      pair(nets.find(({ name }) => name.startsWith('A1111'))),
      pair(nets.find(({ name }) => !name.startsWith('A1111'))),
    ];
  });
  return `
${table(['', 'best published table', 'our fitted map', 'our mini', 'A1111’s CNN', 'tiny autoencoder'], rows)}

PSNR in dB, thumbnail at the latents' size / full size; means over ${photos.length} photos that nothing of ours has seen. ${date},
\`npm run bench:fidelity\`. ${origin}

`;
}
