// The package as its users meet it: the tarball that `npm pack` makes of dist, installed in an empty folder, imported in
// plain Node, built by a blank Vite project, type-checked by a strict one. And the budgets: size, `any`, dependencies.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { decode } from 'fast-png';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import ts from 'typescript';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entries } from '../scripts/entries.mjs';
import { root } from '../scripts/setup.mjs';
import { compactWgsl, wgsl } from '../scripts/wgsl.mjs';

interface LockedPackage {
  resolved?: string;
  optionalDependencies?: Record<string, string>;
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const project = mkdtempSync(join(tmpdir(), 'latent-preview-'));
const installed = join(project, 'node_modules', manifest.name);
const tool = (name: string) => join(root, 'node_modules', '.bin', name);
let tarball = '';

/** Runs a command and throws with everything it printed where it fails. */
function run(command: string, args: string[], folder = project): string {
  try {
    return execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`);
  }
}

/** Paths below a folder, files only. */
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

beforeAll(() => {
  if (!existsSync(join(root, 'dist', 'index.d.ts'))) throw new Error('dist is missing: run `npm run build` first');
  const [packed] = JSON.parse(
    run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], root),
  ) as { filename: string }[];
  tarball = join(project, packed!.filename);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'blank', private: true, type: 'module' }));
  // Offline: it must need nothing but itself.
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball]);
}, 60_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

it('installs alone, without a runtime dependency', () => {
  expect(manifest.dependencies).toBeUndefined();
  const names = readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'));
  expect(names).toEqual([manifest.name]);
});

it('imports nothing that it does not carry', () => {
  const foreign = filesBelow(join(installed, 'dist'))
    .filter((file) => file.endsWith('.js'))
    .flatMap((file) =>
      ts
        .preProcessFile(readFileSync(file, 'utf8'))
        .importedFiles.filter(({ fileName }) => !fileName.startsWith('.'))
        .map(({ fileName }) => `${relative(join(installed, 'dist'), file)}: ${fileName}`),
    );
  // The command alone is for Node; WebGPU comes from an optional package, and the command goes without.
  const allowed = /^cli\.js: (node:[\w/]+|webgpu)$/;
  expect(foreign.filter((line) => !allowed.test(line))).toEqual([]);
  expect(foreign).toContain('cli.js: webgpu');
});

describe('the command', () => {
  const bin = join(
    project,
    'node_modules',
    '.bin',
    process.platform === 'win32' ? 'latent-preview.cmd' : 'latent-preview',
  );
  const command = (...args: string[]) =>
    spawnSync(bin, args, { cwd: project, encoding: 'utf8', shell: process.platform === 'win32' });

  it('leaves the core entry as it is, and imports it like any user', () => {
    const imports = (name: string) =>
      ts
        .preProcessFile(readFileSync(join(installed, 'dist', name), 'utf8'))
        .importedFiles.map(({ fileName }) => fileName);
    expect(imports('cli.js')).toContain('./index.js');
    expect(imports('index.js').length).toBeGreaterThan(1);
    // The core's own functions are in its file, not behind it.
    expect(readFileSync(join(installed, 'dist', 'index.js'), 'utf8')).toMatch(/^async function createPreviewer\(/m);
  });
  it('is installed under its name', () => {
    expect(command('--version')).toMatchObject({ status: 0, stdout: `${manifest.version}\n`, stderr: '' });
    expect(command('--help').stdout).toMatch(/^Usage: latent-preview /);
  });
  it('decodes on the CPU where no other package is, and says why', () => {
    // (1, 3, 1, 2) in pixel space: black and white.
    writeFileSync(join(project, 'x.bin'), new Uint8Array(Float32Array.from([-1, 1, -1, 1, -1, 1]).buffer));
    const args = ['decode', '--shape', '1,3,1,2', '--format', 'pixel', 'x.bin'];
    const { status, stdout, stderr } = command(...args);
    expect([status, stdout]).toEqual([0, 'x.bin → x.png  2×1, pixel, model domain, linear pixel\n']);
    expect(stderr).toMatch(/^decoding on the CPU: the package 'webgpu' is not installed .*\(npm install webgpu\)\n$/);
    const { width, height, channels, data } = decode(readFileSync(join(project, 'x.png')));
    expect({ width, height, channels, data: [...data] }).toEqual({
      ...{ width: 2, height: 1, channels: 3 },
      data: [0, 0, 0, 255, 255, 255],
    });
    const demanded = command(...args, '--force', '--backend', 'webgpu');
    expect(demanded.status).toBe(1);
    expect(demanded.stderr).toMatch(/--backend webgpu needs WebGPU, and the package 'webgpu' is not installed/);
  });
});

it.each(entries.map(({ specifier }) => specifier))(
  '124 imports %s in plain Node, where there is no GPU',
  (specifier) => {
    // Newer Nodes have a navigator; no part of a browser may be needed at import.
    const code = `delete globalThis.navigator; console.log(Object.keys(await import('${specifier}')).join(' '))`;
    const names = run(process.execPath, ['--input-type=module', '-e', code]).trim().split(' ');
    expect(names.length).toBeGreaterThan(0);
    expect(names).not.toContain('default');
  },
);

it.each(['latent-preview', 'latent-preview/standalone'])('124 %s decodes in plain Node, without a GPU', (specifier) => {
  const code = `
    delete globalThis.navigator;
    const { createPreviewer, latentsFromArray } = await import('${specifier}');
    const latents = latentsFromArray(new Float32Array(4 * 6 * 5), { shape: [1, 4, 6, 5] });
    for (const decoder of ['map', 'mini']) {
      const previewer = await createPreviewer({ format: 'sdxl', decoder });
      const { width, height, data } = await previewer.toImageData(latents);
      const { backend, decoder: { name, format } } = previewer;
      console.log(JSON.stringify({ backend, name, format, width, height, bytes: data.length, alpha: data[3] }));
    }
    const auto = await createPreviewer({ format: 'sdxl', frameBudget: 0 });
    console.log(JSON.stringify(auto.decoder.name));`;
  const [map, mini, auto] = run(process.execPath, ['--input-type=module', '-e', code])
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  // From the package itself: the fitted map at twice the latents' size, and the mini decoder's weights, a file.
  const common = { backend: 'cpu', format: 'sdxl', alpha: 255 };
  expect(map).toEqual({ ...common, name: auto, width: 10, height: 12, bytes: 4 * 12 * 10 });
  expect(mini).toEqual({ ...common, name: 'mini sdxl', width: 40, height: 48, bytes: 4 * 48 * 40 });
});

const miniFiles = ['flux', 'flux2', 'sd15', 'sd3', 'sdxl'].map((id) => `mini-${id}.safetensors`);

it('carries the weights of the mini decoders as files, once each, and in no script', () => {
  const dist = join(installed, 'dist');
  const files = filesBelow(dist).filter((file) => file.endsWith('.safetensors'));
  expect(files.map((file) => relative(dist, file)).sort()).toEqual(miniFiles.map((name) => join('weights', name)));
  for (const name of miniFiles) {
    const weights = readFileSync(join(root, 'weights', name));
    expect(readFileSync(join(dist, 'weights', name)).equals(weights)).toBe(true);
    const inside = weights.subarray(-3000, -2700).toString('base64');
    for (const file of filesBelow(dist).filter((file) => file.endsWith('.js')))
      expect(readFileSync(file, 'utf8').includes(inside)).toBe(false);
  }
});

it('builds in a blank Vite project', async () => {
  const folder = join(project, 'site');
  mkdirSync(folder);
  writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="./main.js"></script>');
  const lines = entries.map(({ specifier }, k) => `import * as entry${k} from '${specifier}'; console.log(entry${k});`);
  writeFileSync(join(folder, 'main.js'), lines.join('\n'));
  await build({ root: folder, configFile: false, logLevel: 'error' });
  const scripts = filesBelow(join(folder, 'dist')).filter((file) => file.endsWith('.js'));
  const code = scripts.map((file) => readFileSync(file, 'utf8')).join('\n');
  // The shaders are in it, the weights of the mini decoders are files beside it, and nothing else is left to be fetched.
  const carried = filesBelow(join(folder, 'dist')).filter((file) => file.endsWith('.safetensors'));
  const names = carried.map((file) => relative(join(folder, 'dist', 'assets'), file).replace(/-[\w-]{8}(?=\.)/, ''));
  expect(names.sort()).toEqual(miniFiles);
  for (const file of carried) {
    expect(code).toContain(relative(join(folder, 'dist', 'assets'), file));
    const [, name] = /(mini-\w+)-[\w-]{8}\.safetensors$/.exec(file)!;
    expect(readFileSync(file).equals(readFileSync(join(root, 'weights', `${name}.safetensors`)))).toBe(true);
  }
  expect(code).toContain('@compute');
  expect(code).not.toMatch(/\.wgsl\?raw/);
});

it('ships shaders whose lines are numbered as in their files', () => {
  const files = filesBelow(join(root, 'shaders')).filter((file) => file.endsWith('.wgsl'));
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const before = readFileSync(file, 'utf8').split('\n');
    const after = compactWgsl(readFileSync(file, 'utf8')).split('\n');
    expect(after.length).toBe(before.length);
    for (const [k, line] of after.entries()) expect(before[k]).toContain(line);
    expect(after.join('\n')).not.toMatch(/\/\/|\/\*/);
  }
});

it('type-checks strictly in a project that looks into the declarations', () => {
  const lines = entries.map(({ specifier }, k) => `import * as entry${k} from '${specifier}';\nexport { entry${k} };`);
  // Who asks the document for the element gets its properties and the details of its events.
  lines.push(`
    const element = document.createElement('latent-preview');
    element.latents = { data: new Float32Array(3), shape: [3, 1, 1] };
    element.addEventListener('load', ({ detail }) => detail.milliseconds.toFixed());
    element.addEventListener('error', ({ detail }) => detail.code === 'file' && element.reload());
    element.addEventListener('devicelost', ({ detail }) => detail.recovering satisfies boolean);
    element.addEventListener('click', ({ clientX }) => clientX.toFixed());
    // @ts-expect-error
    element.addEventListener('progress', ({ detail }) => detail.none);`);
  writeFileSync(join(project, 'types.ts'), lines.join('\n'));
  const options = ['--module', 'node16', '--target', 'es2022', '--lib', 'es2022,dom', '--strict', '--noEmit'];
  // `--types ''` would read @types of folders above.
  run(tool('tsc'), [...options, '--skipLibCheck', 'false', '--typeRoots', join(project, 'none'), 'types.ts']);
});

it('has declarations that pull in no other package', () => {
  const references = filesBelow(join(installed, 'dist'))
    .filter((file) => file.endsWith('.d.ts'))
    .filter((file) => /\/\/\/ <reference/.test(readFileSync(file, 'utf8')));
  expect(references).toEqual([]);
});

it('satisfies publint', async () => {
  const { messages, pkg } = await publint({ pkgDir: installed, pack: false, strict: true });
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
});

it('satisfies attw, as a package of ES modules alone', () => {
  run(tool('attw'), [tarball, '--profile', 'esm-only']);
});

it('keeps the notices of everything it bundles', () => {
  const notices = readFileSync(join(installed, 'dist', 'THIRD-PARTY-LICENSES.md'), 'utf8');
  const sources = filesBelow(join(installed, 'dist'))
    .filter((file) => file.endsWith('.js.map'))
    .flatMap((file) => (JSON.parse(readFileSync(file, 'utf8')) as { sources: string[] }).sources);
  const bundled = new Set(
    sources.flatMap((source) => source.match(/node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules)/)?.[1] ?? []),
  );
  // npyjs reads the bodies of .npy files; were it not found here, this test would be looking at nothing.
  expect(bundled).toContain('npyjs');
  // The command's.
  for (const name of ['fast-png', 'jpeg-js']) expect(bundled).toContain(name);
  for (const name of bundled) expect(notices).toMatch(new RegExp(`^## ${name} - .*\\n\\n[^#]{500}`, 'm'));
});

/** Entries (the core) as a page's bundler builds them, and which of the chunks an `import` of them loads at once. */
async function buildCore(
  groups: { name: string; test: (id: string) => boolean; priority?: number }[],
  input: string[] = [join(root, 'src', 'index.ts')],
) {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    plugins: [wgsl()],
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      rolldownOptions: {
        input,
        preserveEntrySignatures: 'strict',
        output: { codeSplitting: { groups } },
      },
    },
  });
  const chunks = new Map<
    string,
    { code: string; imports: string[]; name: string; isEntry: boolean; moduleIds: string[] }
  >();
  for (const part of [built].flat().flatMap((output) => ('output' in output ? output.output : [])))
    if (part.type === 'chunk') chunks.set(part.fileName, part);
  // Chunks behind `import()` load when they are needed.
  const atOnce = new Set([...chunks].filter(([, { isEntry }]) => isEntry).map(([fileName]) => fileName));
  for (const fileName of atOnce) for (const imported of chunks.get(fileName)?.imports ?? []) atOnce.add(imported);
  return { chunks, atOnce };
}

it('has a core entry of at most 18 kB gzip, format data and fitted maps counted apart', async () => {
  // Data are all files of src/formats but these.
  const logic = ['index', 'format', 'record', 'nearest', 'validate'];
  const isData = (id: string) => {
    const path = relative(join(root, 'src', 'formats'), id).replace(/\.ts$/, '');
    return !path.startsWith('..') && !logic.includes(path);
  };
  const data = { name: 'data', test: isData };
  const cut = await buildCore([data]);
  const needed = new Set([...cut.atOnce].flatMap((fileName) => cut.chunks.get(fileName)?.moduleIds ?? []));
  // What is loaded at once as one chunk: how many a bundler cuts it into, each with its own gzip, is the bundler's.
  const { chunks, atOnce } = await buildCore([data, { name: 'core', test: (id) => needed.has(id) }]);
  const sizes = { core: 0, data: 0, later: 0 };
  const maps: Record<string, number> = {};
  for (const [fileName, { code, name, moduleIds }] of chunks) {
    const size = gzipSync(code, { level: 9 }).length;
    // One chunk a map, and nothing else in it.
    const [map] = moduleIds.flatMap((id) => id.match(/weights\/(\w+)\.json\?raw$/)?.[1] ?? []);
    if (map) {
      expect(moduleIds).toHaveLength(1);
      expect(atOnce).not.toContain(fileName);
      maps[map] = size;
      continue;
    }
    sizes[name === 'data' ? 'data' : atOnce.has(fileName) ? 'core' : 'later'] += size;
  }
  console.log(`gzip: core entry ${sizes.core}, loaded when needed ${sizes.later}, format data ${sizes.data} bytes`);
  console.log(`gzip of fitted maps, of which a page loads its own: ${JSON.stringify(maps)}`);
  expect(Object.keys(maps).sort()).toEqual(['flux', 'flux2', 'sd15', 'sd3', 'sdxl']);
  for (const size of Object.values(maps)) expect(size).toBeLessThanOrEqual(40_000);
  expect(sizes.data).toBeGreaterThan(1000);
  expect(sizes.core).toBeGreaterThan(1000);
  expect(sizes.core).toBeLessThanOrEqual(18_000);
});

it('has a stream entry of at most 8 kB gzip over the core', async () => {
  const [core, stream] = ['index.ts', 'stream/index.ts'].map((path) => join(root, 'src', path)) as [string, string];
  const known = await buildCore([]);
  const inCore = new Set([...known.atOnce].flatMap((fileName) => known.chunks.get(fileName)?.moduleIds ?? []));
  // What is the stream's alone, in one chunk.
  const built = await buildCore([], [stream]);
  const own = new Set([...built.atOnce].flatMap((fileName) => built.chunks.get(fileName)?.moduleIds ?? []));
  for (const id of inCore) own.delete(id);
  const groups = [
    { name: 'core', test: (id: string) => inCore.has(id), priority: 2 },
    { name: 'stream', test: (id: string) => own.has(id), priority: 1 },
  ];
  const { chunks } = await buildCore(groups, [core, stream]);
  const found = [...chunks.values()].filter(({ moduleIds }) => moduleIds.some((id) => own.has(id)));
  expect(found.flatMap(({ moduleIds }) => moduleIds).filter((id) => !own.has(id))).toEqual([]);
  const size = found.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);
  console.log(`gzip: stream entry ${size} bytes`);
  expect([...own].filter((id) => id.includes('/src/stream/')).length).toBeGreaterThan(5);
  expect([...own].filter((id) => /decoders|gpu|ops|formats/.test(relative(root, id)))).toEqual([]);
  expect(size).toBeGreaterThan(1000);
  expect(size).toBeLessThanOrEqual(8000);
});

it('has an element of at most 7 kB gzip beside the core, which it imports like any user', async () => {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      rolldownOptions: { input: join(root, 'src', 'element', 'define.ts'), external: '../index' },
    },
  });
  const parts = [built].flat().flatMap((output) => ('output' in output ? output.output : []));
  expect(parts).toHaveLength(1);
  const code = parts[0]?.type === 'chunk' ? parts[0].code : '';
  const size = gzipSync(code, { level: 9 }).length;
  console.log(`gzip: element ${size} bytes beside the core`);
  expect(code).toContain('customElements');
  expect(size).toBeGreaterThan(1000);
  expect(size).toBeLessThanOrEqual(7000);
  const folder = join(installed, 'dist', 'element');
  const imports = (file: string): string[] =>
    ts
      .preProcessFile(readFileSync(file, 'utf8'))
      .importedFiles.map(({ fileName }) => join(file, '..', fileName))
      .flatMap((name) => (/dist\/shared/.test(name) ? [name, ...imports(name)] : [name]));
  const own = imports(join(folder, 'define.js')).map((name) => relative(join(installed, 'dist'), name));
  // Nothing but its own file and the core, which is fetched once for both.
  expect(own).toEqual([expect.stringMatching(/^shared\/element-/), 'index.js']);
});

it.each([
  ...[
    ['onnxruntime', 1000],
    ['transformers', 1000],
    ['tfjs', 1000],
    ['diffusers', 1300],
  ],
  // With what they share of the stream entry.
  ...[
    ['a1111', 2200],
    ['invokeai', 3200],
    ['comfyui', 6000],
  ],
] as [string, number][])('has an adapter %s of at most %d bytes gzip beside the core', async (name, most) => {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      rolldownOptions: {
        input: join(root, 'src', 'adapters', `${name}.ts`),
        // The core's modules, which its pages have.
        external: (id) => /^\.\.\/(?!stream\/|files\/)/.test(id),
        preserveEntrySignatures: 'strict',
      },
    },
  });
  const parts = [built].flat().flatMap((output) => ('output' in output ? output.output : []));
  const size = parts.reduce(
    (sum, part) => sum + (part.type === 'chunk' ? gzipSync(part.code, { level: 9 }).length : 0),
    0,
  );
  console.log(`gzip: adapter ${name} ${size} bytes beside the core`);
  expect(size).toBeGreaterThan(300);
  expect(size).toBeLessThanOrEqual(most);
  // The core is fetched once, by its own name: errors are of one class, whoever throws them.
  const imports = (file: string): string[] =>
    ts
      .preProcessFile(readFileSync(file, 'utf8'))
      .importedFiles.map(({ fileName }) => join(file, '..', fileName))
      .flatMap((found) => (/dist.shared/.test(found) ? [found, ...imports(found)] : [found]));
  expect(imports(join(installed, 'dist', 'adapters', `${name}.js`))).toContain(join(installed, 'dist', 'index.js'));
});

it('registers the element by one entry alone, and by that one in bundles too', async () => {
  const folder = join(project, 'registers');
  mkdirSync(folder);
  writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="./main.js"></script>');
  const bundled = async (line: string): Promise<string> => {
    writeFileSync(join(folder, 'main.js'), line);
    await build({ root: folder, configFile: false, logLevel: 'error' });
    const scripts = filesBelow(join(folder, 'dist')).filter((file) => file.endsWith('.js'));
    return scripts.map((file) => readFileSync(file, 'utf8')).join('\n');
  };
  expect(await bundled("import 'latent-preview/element/define';")).toContain('customElements');
  expect(await bundled("import 'latent-preview/element';")).not.toContain('customElements');
});

it.each([
  ['standalone.js', 190_000, './weights'],
  // With the element, streams and workers.
  ['standalone/element.js', 206_000, '../weights'],
] as const)(
  'is one file for pages without a bundler, weights beside it: %s, of at most %i bytes gzip',
  (name, budget, folder) => {
    const code = readFileSync(join(installed, 'dist', name), 'utf8');
    expect(ts.preProcessFile(code).importedFiles).toEqual([]);
    expect(code).not.toMatch(/\bimport\s*\(/);
    const beside = [...code.matchAll(/new URL\(([^)]*),\s*import\.meta/g)].map(([, place]) => place);
    expect(beside.sort()).toEqual(miniFiles.map((file) => `\`${folder}/${file}\``));
    expect(code).toMatch(/^\/\*! latent-preview [\d.]+, MIT; .*THIRD-PARTY-LICENSES/);
    const size = gzipSync(code, { level: 9 }).length;
    console.log(`gzip: ${name} ${size} bytes`);
    expect(size).toBeLessThanOrEqual(budget);
  },
);

it('has a worker client of at most 4 kB gzip, whose worker bundlers find by its address', () => {
  const code = readFileSync(join(installed, 'dist', 'worker', 'index.js'), 'utf8');
  expect(code).toContain('new Worker(new URL("./run.js", import.meta.url), { type: "module" })');
  expect(existsSync(join(installed, 'dist', 'worker', 'run.js'))).toBe(true);
  const size = gzipSync(code, { level: 9 }).length;
  expect(size).toBeGreaterThan(1000);
  expect(size).toBeLessThanOrEqual(4000);
});

it('describes the element as it is', () => {
  const { modules } = JSON.parse(readFileSync(join(installed, manifest.customElements), 'utf8'));
  const [{ tagName, attributes, cssParts, cssProperties, slots, events }] = modules[0].declarations;
  const names = (list: { name: string }[]): string[] => list.map(({ name }) => name).sort();
  const source = (name: string): string => readFileSync(join(root, 'src', 'element', `${name}.ts`), 'utf8');
  const found = (text: string, pattern: RegExp): string[] =>
    [...new Set([...text.matchAll(pattern)].map(([, name]) => name ?? ''))].sort();
  expect(tagName).toBe('latent-preview');
  const [, listed = ''] = source('properties').match(/const attributes = \[(.*)\]/) ?? [];
  expect(names(attributes)).toEqual(found(listed, /'(\w+)'/g));
  // Covers are parts and slots of one name.
  const covers = found(source('parts'), /cover\('(\w+)'/g);
  expect(names(slots)).toEqual(covers);
  expect(names(cssParts)).toEqual([...found(source('parts'), /part: '(\w+)'/g), ...covers].sort());
  expect(names(cssProperties)).toEqual(found(source('styles'), /(--latent-preview-\w+)/g));
  expect(names(events)).toEqual(found(source('element'), /#dispatch\('(\w+)'/g));
});

it('has no `any` in its sources', () => {
  const found: string[] = [];
  for (const file of filesBelow(join(root, 'src'))) {
    const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2022);
    const visit = (node: ts.Node): void => {
      if (node.kind === ts.SyntaxKind.AnyKeyword)
        found.push(`${relative(root, file)}:${source.getLineAndCharacterOfPosition(node.pos).line + 1}`);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  expect(found).toEqual([]);
});

it('names no folder of the machine it was written on', () => {
  const tracked = run('git', ['ls-files', '--cached', '--others', '--exclude-standard'], root)
    .split('\n')
    .filter(Boolean);
  const files = [...tracked.map((name) => join(root, name)), ...filesBelow(installed)].filter((file) =>
    existsSync(file),
  );
  const machinePath = /(?<![\w.:@-])\/(?:work|root|home|Users|tmp)\/\w/;
  const found = files.flatMap((file) => {
    const bytes = readFileSync(file);
    if (bytes.includes(0)) return [];
    return bytes
      .toString('utf8')
      .split('\n')
      .flatMap((line, k) => (machinePath.test(line) ? [`${relative(root, file)}:${k + 1}`] : []));
  });
  expect(found).toEqual([]);
});

it('has a lock file that installs on every platform and from every registry', () => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>;
  };
  const all = Object.entries(packages);
  expect(all.filter(([, { resolved }]) => resolved).map(([path]) => path)).toEqual([]);
  // `npm ci` refuses a lock without the packages of platforms that the one who wrote it does not use.
  const missing = all.flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !packages[`${path}/node_modules/${name}`] && !packages[`node_modules/${name}`],
    ),
  );
  expect(missing).toEqual([]);
});
