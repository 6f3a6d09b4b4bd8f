// The built command as a child process, in folders of its own; and files to give to it.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { afterAll } from 'vitest';
import { bytesOf, npyFile } from '../files/build';

const root = fileURLToPath(new URL('../../', import.meta.url));
export const command = join(root, 'dist', 'cli.js');
export const samples = join(root, 'demo', 'public', 'samples');
export const fixtures = join(root, 'test', 'fixtures');
export const shared = join(root, '..', 'shared', 'fixtures');
export const underCI = Boolean(process.env.CI) && process.env.CI !== 'false';

if (!existsSync(command)) throw new Error('dist/cli.js is missing: run `npm run build` first');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly folder?: string;
  /** Called with all of stderr so far, to send a signal at a moment. */
  readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** Runs `latent-preview` with these arguments; on the CPU unless they say otherwise. */
export function run(args: readonly string[], { folder = root, onStderr }: RunOptions = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [command, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, error]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (part: Buffer) => out.push(part));
  child.stderr.on('data', (part: Buffer) => {
    error.push(part);
    onStderr?.(Buffer.concat(error).toString(), (signal) => child.kill(signal));
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(error).toString() }),
    );
  });
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A fresh folder with these files in it, removed after the tests of the file. */
export function folderWith(files: Readonly<Record<string, Uint8Array | string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'latent-preview-cli-'));
  folders.push(folder);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** An .npy of float32. */
export const npy = (shape: readonly number[], values: ArrayLike<number>): Uint8Array =>
  npyFile({ shape: `(${shape.join(', ')},)`, data: bytesOf(Float32Array.from(values)) });

/** A picture file as RGBA, by another reader than the command's. */
export function readPng(path: string): { width: number; height: number; data: Uint8Array } {
  const { width, height, data, channels, depth } = decode(readFileSync(path));
  if (depth !== 8 || (channels !== 3 && channels !== 4))
    throw new Error(`${path}: ${channels} channels of ${depth} bits`);
  const rgba = new Uint8Array(4 * width * height).fill(255);
  for (let pixel = 0; pixel < width * height; pixel++)
    for (let c = 0; c < channels; c++) rgba[pixel * 4 + c] = data[pixel * channels + c]!;
  return { width, height, data: rgba };
}

/** Errors are messages: no stack, and each line is about a file or the command line. */
export const stackTrace = /\n\s+at .*:\d+:\d+/;
