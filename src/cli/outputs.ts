// Where pictures go: names made from the inputs', folders made as needed, nothing overwritten unasked.

import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { LatentPreviewError } from '../index';
import { UsageError } from './command';
import type { Input } from './inputs';

export interface Outputs {
  /**
   * Where the picture of an input goes.
   * @param mark tells several pictures of one input apart: `-frame03`; '' where there is one
   * @throws LatentPreviewError `file` where something is there already
   */
  pathFor(input: Input, mark: string): Promise<string>;
  write(path: string, bytes: Uint8Array): Promise<void>;
}

/**
 * @param out a folder, or a file with the given ending; undefined: beside each input
 * @throws UsageError where `out` is one file and the inputs are several
 */
export function createOutputs(
  inputs: readonly Input[],
  { out, force = false, ending }: { out: string | undefined; force: boolean | undefined; ending: string },
): Outputs {
  const toFile = out?.toLowerCase().endsWith(ending) === true;
  if (toFile && inputs.length > 1)
    throw new UsageError(`--out ${out} is one file, the inputs are ${inputs.length}; name a folder`);
  const plain = ({ path, place }: Input): string =>
    out === undefined ? withoutEnding(path) : join(out, withoutEnding(place));
  const counts = new Map<string, number>();
  for (const input of inputs) counts.set(plain(input), (counts.get(plain(input)) ?? 0) + 1);
  const taken = new Map<string, string>();
  return {
    async pathFor(input, mark) {
      // x.npy beside x.safetensors: both names keep their endings.
      const shared = (counts.get(plain(input)) ?? 0) > 1;
      const path = toFile && out ? out : plain(input) + (shared ? extname(input.path) : '') + mark + ending;
      const other = taken.get(resolve(path));
      if (other !== undefined)
        throw new LatentPreviewError(
          'file',
          other === input.path
            ? `output: its pictures cannot all go to ${path}; give a folder as --out`
            : `output: ${path} already holds the picture of ${other}; give them different folders with --out`,
        );
      if (!force && (await exists(path))) throw alreadyThere(path);
      taken.set(resolve(path), input.path);
      return path;
    },
    write: (path, bytes) => writeNew(path, bytes, force),
  };
}

/** Writes a file, making its folder. @throws LatentPreviewError `file` where it is there already, unless `force` */
export async function writeNew(path: string, content: Uint8Array | string, force: boolean): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content, { flag: force ? 'w' : 'wx' }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? alreadyThere(path) : error;
  });
}

/** @throws LatentPreviewError `file` where there is such a file: asked before the work, which may be long */
export async function requireFree(path: string, force: boolean): Promise<void> {
  if (!force && (await exists(path))) throw alreadyThere(path);
}

const withoutEnding = (path: string): string => path.slice(0, path.length - extname(path).length);

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const alreadyThere = (path: string): LatentPreviewError =>
  new LatentPreviewError('file', `output: ${path} exists; --force overwrites it, --out names another place`);
