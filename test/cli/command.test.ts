// What holds for every command: help, version, exit codes, what goes to which stream.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTerminal } from '../../src/cli/terminal';
import { command, folderWith, npy, run, samples, stackTrace } from './run';

const commands = ['decode', 'info', 'compare', 'fit'];

describe('help', () => {
  it('lists the commands and the exit codes', async () => {
    for (const args of [['--help'], ['-h'], ['help']]) {
      const { code, stdout, stderr } = await run(args);
      expect([code, stderr]).toEqual([0, '']);
      for (const name of commands) expect(stdout).toMatch(new RegExp(`^ {2}${name} +\\w`, 'm'));
      expect(stdout).toMatch(/Exit codes: 0 .* 1 .*\n2 .* 130/);
    }
  });
  it.each(commands)('of %s has usage, its options and examples', async (name) => {
    const { code, stdout, stderr } = await run([name, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: latent-preview ${name} `));
    expect(stdout).toMatch(/^Examples:\n {2}latent-preview /m);
    expect(stdout.split('\n').filter((line) => line.length > 90)).toEqual([]);
    // What it does not list would not be found.
    const source = readFileSync(new URL(`../../src/cli/${name}.ts`, import.meta.url), 'utf8');
    const declared = [...source.matchAll(/^ {2}'?([\w-]+)'?: \{\s*type: '/gm)].map(([, option]) => option!);
    expect(declared.length).toBeGreaterThan(2);
    for (const option of [...declared, 'quiet', 'help', 'format', 'domain']) expect(stdout).toContain(`--${option}`);
  });
  it('is asked for behind other options too, but not as the value of one', async () => {
    expect(await run(['decode', '--nonsense', '--help'])).toMatchObject({ code: 0 });
    expect(await run(['decode', '--', '--help'])).toMatchObject({ code: 1 });
  });
});

it('has the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

const file = join(samples, 'flux-chelsea.npy');

describe('a command line that cannot be understood', () => {
  it.each<[string[], RegExp]>([
    [[], /no command given[\s\S]*Commands:/],
    [['decod', file], /there is no command 'decod'; commands are decode, info, compare, fit/],
    [['decode'], /name at least one file/],
    [['info'], /name at least one file/],
    [['compare', file], /takes two files.* got 1/],
    [['compare', file, file, file], /takes two files.* got 3/],
    [['decode', '--formt', 'sdxl', file], /Unknown option '--formt'/],
    [['decode', '--format'], /'-f, --format <value>' argument missing/],
    [['decode', '--force=yes', file], /'--force' does not take an argument/],
    [
      ['decode', '--format', 'sdxxl', file],
      /--format: no latent format is called 'sdxxl'; the nearest are .*sdxl.*info --formats/,
    ],
    [['decode', '--domain', 'raw', file], /--domain raw: it must be model or vae/],
    [['decode', '--backend', 'cuda', file], /--backend cuda: it must be auto, webgpu or cpu/],
    [['decode', '--resample', 'lanczos', file], /--resample lanczos: it must be nearest, bilinear or bicubic/],
    [['decode', '--size', 'big', file], /--size big: it must be latent, image or WIDTHxHEIGHT/],
    [['decode', '--size', '0x4', file], /--size 0x4: it must be WIDTHxHEIGHT/],
    [['decode', '--item', '-1', file], /--item/],
    [['decode', '--item', '1.5', file], /--item 1\.5: it must be a whole number of at least 0/],
    [['decode', '--all', '--frame', '1', file], /--all takes every item and frame/],
    [['decode', '--layout', 'WHC', file], /--layout WHC: it must be CHW/],
    [['decode', '--shape', '1,x', file], /--shape 1,x: it must be whole numbers/],
    [['decode', '--dtype', 'float16', file], /--dtype is for raw files/],
    [['decode', '--shape', '1', '--dtype', 'half', file], /--dtype half: it must be float64/],
    [['decode', '--out', 'x.png', file, join(samples, 'sd15-coffee.npy')], /x\.png is one file, the inputs are 2/],
    [['decode', '--decoder', 'missing.safetensors', file], /--decoder missing\.safetensors: .* there is no such file/],
    [['compare', '--amplify', '-', file, file], /--amplify/],
  ])('%j is told and has exit code 2', async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^latent-preview: /);
    expect(stderr).toMatch(/See 'latent-preview --help'/);
    expect(stderr).not.toMatch(stackTrace);
  });
});

describe('streams', () => {
  const folder = folderWith({ 'x.npy': npy([3, 1, 1], [0, 0, 0]) });
  const args = ['decode', '-f', 'pixel', '--backend', 'cpu', '--force', 'x.npy'];
  it('keep results and notes apart', async () => {
    const { stdout, stderr } = await run(args, { folder });
    expect(stdout).toMatch(/^x\.npy → x\.png .*\n$/);
    expect(stderr).toBe('decoding on the CPU\n');
  });
  it('have JSON alone on stdout', async () => {
    const { stdout } = await run([...args, '--json'], { folder });
    expect(JSON.parse(stdout)).toEqual([
      {
        ...{ input: 'x.npy', output: 'x.png', width: 1, height: 1 },
        ...{ format: 'pixel', domain: 'model', decoder: 'linear pixel', backend: 'cpu' },
      },
    ]);
  });
  it('are silent with --quiet, but for errors', async () => {
    expect(await run([...args, '--quiet'], { folder })).toEqual({ code: 0, stdout: '', stderr: '' });
    const { code, stderr } = await run([...args, '-q', 'missing'], { folder });
    expect([code, stderr]).toEqual([1, 'latent-preview: missing: there is no such file or folder\n']);
  });
  it.skipIf(process.platform === 'win32')('may be closed by the reader', () => {
    const line = `"${process.execPath}" "${command}" info --formats --json | head -n 1`;
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([0, '[\n', '']);
  });
});

describe('the progress bar', () => {
  const fakes = (isTTY: boolean, columns = 60) => {
    const written = { out: '', error: '' };
    const terminal = createTerminal(
      { write: (text) => (written.out += text) },
      { write: (text) => (written.error += text), isTTY, columns },
    );
    return { written, terminal };
  };
  it('is drawn over itself on a terminal, below what is printed', () => {
    const { written, terminal } = fakes(true);
    terminal.progress(0.5, 'x.npy');
    expect(written.error).toBe('\r\x1b[2K████████████░░░░░░░░░░░░ 50 % x.npy');
    terminal.print('done');
    expect(written.out).toBe('done\n');
    expect(written.error.endsWith('\r\x1b[2K████████████░░░░░░░░░░░░ 50 % x.npy')).toBe(true);
    terminal.endProgress();
    expect(written.error.endsWith('\r\x1b[2K')).toBe(true);
  });
  it('never wraps', () => {
    const { written, terminal } = fakes(true, 40);
    terminal.progress(1, 'a name that is far too long for this line'.repeat(3));
    expect(written.error.replace('\r\x1b[2K', '')).toHaveLength(39);
  });
  it.each([
    [false, false],
    [true, true],
  ])('is not there without a terminal or when quiet', (isTTY, quiet) => {
    const { written, terminal } = fakes(isTTY);
    if (quiet) terminal.beQuiet();
    terminal.progress(0.5, 'x.npy');
    terminal.endProgress();
    expect(written.error).toBe('');
  });
});
