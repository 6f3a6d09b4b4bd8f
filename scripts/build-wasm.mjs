// `node scripts/build-wasm.mjs`: compiles src/wasm/conv/ into src/wasm/conv-module.ts, which is committed so that nobody
// else needs a compiler. Needs clang and lld with the wasm32 target: on Debian `apt-get install clang lld`.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './setup.mjs';

const folder = join(root, 'src', 'wasm', 'conv');

/** Of all C files, names included: what a test holds the committed module to. */
export function hashSources() {
  const hash = createHash('sha256');
  // Line ends are Git's business.
  for (const name of readdirSync(folder).sort())
    hash.update(`${name}\n`).update(readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n'));
  return hash.digest('hex');
}

function compile() {
  const made = mkdtempSync(join(tmpdir(), 'wasm-'));
  const output = join(made, 'conv.wasm');
  try {
    // -Os: the hot loops are unrolled by hand, everything else may be small. Baseline SIMD alone, no relaxed SIMD.
    execFileSync(
      'clang',
      [
        ...['--target=wasm32', '-Os', '-msimd128', '-mbulk-memory', '-nostdlib', '-Wall', '-Wextra', '-Werror'],
        ...['-Wl,--no-entry', '-Wl,--strip-all', '-Wl,-z,stack-size=16384', '-Wl,--export=__heap_base'],
        ...[join(folder, 'conv.c'), '-o', output],
      ],
      { stdio: 'inherit' },
    );
    return readFileSync(output);
  } finally {
    rmSync(made, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const bytes = compile();
  const version = execFileSync('clang', ['--version'], { encoding: 'utf8' }).match(/version (\d+\.\d+\.\d+)/)?.[1];
  const target = join(root, 'src', 'wasm', 'conv-module.ts');
  writeFileSync(
    target,
    `// Written by scripts/build-wasm.mjs from src/wasm/conv/ with clang ${version}: ${bytes.length} bytes. Do not edit.

/** SHA-256 of the C files. */
export const sourceHash = '${hashSources()}';

/** The module, in base64. */
export const convModule =
  '${bytes.toString('base64')}';
`,
  );
  console.log(`src/wasm/conv-module.ts: ${bytes.length} bytes of WebAssembly`);
}
