// Measurements as markdown.

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Three digits, or all that stand before the point. */
const number = (value) => {
  if (value === undefined || Number.isNaN(value)) return '–';
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(3, digits));
};

const table = (header, rows) =>
  [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const steady = (times) => {
  if (times.length === 0) return '–';
  const range = times.length > 1 ? `${number(Math.min(...times))}..${number(Math.max(...times))}` : 'n = 1';
  return `${number(median(times))} (${range})`;
};

// The system counts in hundredths of a second: less than a fifth of one in all tells nothing.
const processorOf = ({ processor }) => (processor?.time >= 200 ? processor.time / processor.decodes : undefined);

const mebibytes = ({ gpu, wasm }) =>
  [wasm && `${Math.round(wasm / 2 ** 20)} WASM`, gpu && `${Math.max(1, Math.round(gpu / 2 ** 20))} GPU`]
    .filter(Boolean)
    .join(' + ') || '–';

const error = ({ planesError, pixelsError }) =>
  [
    planesError !== undefined && (planesError === 0 ? '0' : planesError.toExponential(0)),
    pixelsError !== undefined && `${pixelsError} step${pixelsError === 1 ? '' : 's'}`,
  ]
    .filter((text) => text !== false)
    .join('; ') || '–';

const taskTitles = {
  taesd: 'TAESD decoder: 4 latent channels to RGB at 8 × the size, 1.22 M parameters',
  mini: "This project's mini decoder: 4 latent channels to RGB at 8 × the size, at most 0.1 M parameters",
  linear: 'Linear map: 4 latent channels to RGB at the same size',
};

const ourCpu = 'latent-preview CPU (1 thread)';

function taskTable(task, size, rows, { peak, loads }) {
  const own = rows.find(({ name }) => name === ourCpu);
  const yardstick = own?.steady.length ? own : undefined;
  const conv = task !== 'linear';
  const header = [
    'contender',
    'set-up ms',
    'first ms',
    'steady ms: median (min..max)',
    'processor ms',
    '× ours on the CPU',
    ...(conv ? ['eff-GFLOP/s', "of adapter's FMA peak", 'executed of nominal FLOPs'] : []),
    'max error',
    'dispatches',
    ...(conv ? ['memory MiB'] : []),
  ];
  const body = rows.map((row) => {
    if (row.skipped) return [row.name, row.skipped, ...Array(header.length - 2).fill('')];
    if (row.failure) return [row.name, `failed: ${row.failure.slice(0, 160)}`, ...Array(header.length - 2).fill('')];
    const time = median(row.steady);
    const rate = row.flops / time / 1e6;
    return [
      row.name,
      number(row.setUp),
      number(row.first),
      steady(row.steady),
      number(processorOf(row)),
      yardstick ? number(time / median(yardstick.steady)) : '–',
      ...(conv
        ? [
            number(rate),
            row.dispatches && peak ? `${number((100 * rate) / peak.gflops)} %` : '–',
            `${Math.round((100 * row.executed) / row.flops)} %`,
          ]
        : []),
      error(row),
      row.dispatches || '–',
      ...(conv ? [mebibytes(row.memory)] : []),
    ];
  });
  const load = loads?.[`${task} ${size}`];
  const busy = load === undefined ? '' : `\n\nLoad average meanwhile: up to ${load.toFixed(1)}.`;
  return `### ${size}×${size} latents${busy}\n\n${table(header, body)}`;
}

const machineLines = ({ processor, memory, system, commit }) => [
  `- Commit: ${commit}`,
  `- Processor: ${processor}`,
  `- Memory: ${memory}`,
  `- System: ${system}`,
];

const adapterText = (adapter) => {
  if (!adapter) return 'none';
  const name = [adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(', ');
  return `${name}${adapter.isFallbackAdapter ? ' – **a software adapter: it computes on the processor**' : ''}`;
};

export function browserReport({ date, command, before, after, browser, adapter, peak, loads, weights, rows, alone }) {
  const software = adapter?.isFallbackAdapter;
  return `${[
    '# Results of `npm run bench`',
    [
      `- Date: ${date}; command: \`${command.join(' ')}\``,
      ...machineLines(before),
      `- Load average (1 minute): ${before.load.toFixed(1)} at the start, ${after.load.toFixed(1)} at the end`,
      `- Browser: ${browser}, headless`,
      `- WebGPU adapter: ${adapterText(adapter)}`,
      ...peakLines(peak),
      `- Weights: ${weights}`,
    ].join('\n'),
    software
      ? 'What WebGPU does here says how well kernels suit a software adapter, not a GPU: the ratios between WebGPU rows are ' +
        'no speed-ups on GPUs.'
      : undefined,
    ...taskSections(rows, { peak, loads }),
    ...aloneSections(alone),
    notes,
  ]
    .filter(Boolean)
    .join('\n\n')}\n`;
}

/** What only a browser of its own tells. */
function aloneSections(rows) {
  if (rows.length === 0) return [];
  const header = [
    'contender',
    'cold start ms',
    'steady ms: median (min..max)',
    'processor ms per decode',
    '× ours on WebGPU',
    'eff-GFLOP per processor second',
    'memory over the idle page, MiB',
  ];
  const tables = [...new Set(rows.map(({ size }) => size))].map((size) => {
    const here = rows.filter((row) => row.size === size);
    const yardstick = here.find(({ name }) => name === 'latent-preview WebGPU')?.processor;
    const body = here.map((row) => {
      const text = row.skipped ?? (row.failure && `failed: ${row.failure.slice(0, 160)}`);
      if (text) return [row.name, text, ...Array(header.length - 2).fill('')];
      return [
        row.name,
        number(row.cold),
        steady(row.steady),
        number(row.processor),
        yardstick ? number(row.processor / yardstick) : '–',
        number(row.flops / row.processor / 1e6),
        Math.round(row.memory / 2 ** 20),
      ];
    });
    return `### ${size}×${size} latents\n\n${table(header, body)}`;
  });
  return ['## TAESD decoder: each contender alone in a fresh browser', ...tables];
}

const peakLines = (peak) =>
  peak
    ? [
        `- The adapter at its best, measured in the same run: ${number(peak.gflops)} GFLOP/s (f32 FMA in registers), ` +
          `${number(peak.gigabytesPerSecond)} GB/s (copy, read + write)`,
      ]
    : [];

function taskSections(rows, context) {
  return Object.entries(taskTitles).flatMap(([task, title]) => {
    const own = rows.filter((row) => row.task === task);
    if (own.length === 0) return [];
    const at = (size) =>
      taskTable(
        task,
        size,
        own.filter((row) => row.size === size),
        context,
      );
    return [`## ${title}`, ...[...new Set(own.map(({ size }) => size))].map(at), ...ratios(own)];
  });
}

/** How many times the peers' WebGPU takes of ours on WebGPU, which the tables do not answer at a glance. */
function ratios(rows) {
  const steadyOf = ({ steady }) => (steady.length > 0 ? median(steady) : undefined);
  return [
    ...ratiosOf(rows, 'Time', steadyOf),
    // Moves less while others use the machine.
    ...ratiosOf(rows, 'Processor time', processorOf),
  ];
}

function ratiosOf(rows, what, of) {
  const lines = new Map();
  for (const row of rows) {
    const { name, size } = row;
    const own = rows.find((other) => other.name === 'latent-preview WebGPU' && other.size === size);
    if (!/WebGPU/.test(name) || name.startsWith('latent-preview') || !of(row) || !own || !of(own)) continue;
    lines.set(size, [...(lines.get(size) ?? []), `${number(of(row) / of(own))}× (${name})`]);
  }
  if (lines.size === 0) return [];
  const text = [...lines].map(([size, ratios]) => `- ${size}×${size}: ${ratios.join(', ')}`);
  return [`${what} of the peers on WebGPU, as multiples of latent-preview's on WebGPU:\n\n${text.join('\n')}`];
}

const notes = `## How to read this

- Latents in CPU memory in, a picture in CPU memory out. latent-preview and the loop end with RGBA bytes, the peers with 32-bit
  float planes, which a page would still have to convert. "no read-back" ends when the GPU has finished.
- All contenders are in one page and take turns, round by round. Set-up (libraries are loaded before it, WebAssembly modules
  are not) happens once per contender and serves all sizes of a task; the map comes last, when everybody's WebAssembly is
  there. "first" is the first decode at that size.
- "processor ms" is user and system time of all of the browser's processes per steady decode, with a resolution of 10 ms in
  all; "–" where too little was seen.
- Fast decodes are averaged over at least 20 ms per entry. What takes more than 10 s has three steady decodes; what
  would take more than 75 s (onnxruntime-web's older form: 20 s) is not run.
- eff-GFLOP/s counts the operations of direct convolutions, the nominal ones, so clever algorithms may exceed what they
  execute; the share that their products are of the nominal ones is a column, their transforms are not counted.
- "kernels for GPUs" are those that real GPUs run; software adapters run others by default.
- Errors are against onnxruntime-web (WASM, 1 thread, a session of its own) for TAESD and a loop in doubles for the map: a
  number is the largest difference of floats in 0..1, "steps" that of bytes.
- Memory in the tables of one page is what a contender asked for: its WebAssembly memories and, at most at a time since it
  was last called, its GPU buffers and textures.
- Alone: the browser starts anew for each. Cold start is from nothing loaded to the first picture: library, set-up, pipelines,
  decode. Processor time is of all of the browser's processes, user and system, and moves less than the clock when others use
  the machine. Memory is the most that all of its processes held (PSS, looked at every 150 ms) over what they held with the
  page idle.`;

export function nodeReport({ date, command, before, adapter, peak, weights, rows, torch }) {
  return `${[
    '# Results of `npm run bench -- --node`',
    [
      `- Date: ${date}; command: \`${command.join(' ')}\``,
      ...machineLines(before),
      `- Node ${before.node}; load average (1 minute) at the end: ${before.load.toFixed(1)}`,
      `- Adapter (Dawn): ${adapterText(adapter)}`,
      ...peakLines(peak),
      `- Weights: ${weights}`,
    ].join('\n'),
    ...taskSections(rows, { peak }),
    ...torchSections(torch),
    nodeNotes,
  ].join('\n\n')}\n`;
}

function torchSections(torch) {
  if (!torch) return [];
  const body = torch.rows.map(({ name, size, first, steady: times }) => [
    name,
    `${size}×${size}`,
    number(first),
    steady(times),
  ]);
  return [
    `## The same decode in PyTorch ${torch.version} on ${torch.where}`,
    table(['PyTorch', 'latents', 'first ms', 'steady ms: median (min..max)'], body),
  ];
}

const nodeNotes = `## How to read this

- Latents in CPU memory in, a picture in CPU memory out; "no read-back" ends when the GPU has finished, as the PyTorch rows do.
- Errors of TAESD are against latent-preview's CPU path, which the tests hold to PyTorch.
- Set-up happens once per contender and serves all sizes of a task.`;
