// From what the command line names to files: folders become the files in them that are of a wanted kind, told by their
// first bytes, never by their names.

import { open, readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { readers } from '../files/index';
import { LatentPreviewError } from '../index';
import { pictureKind } from './picture';

export type InputKind = 'latents' | 'picture';

export interface Input {
  readonly path: string;
  /** The path below the folder that was named; for a file its name. */
  readonly place: string;
  /** Undefined for a file that was named itself and is of no known kind: reading it says why. */
  readonly kind: InputKind | undefined;
}

export interface InputFailure {
  readonly path: string;
  readonly error: unknown;
}

/**
 * The files that `names` stand for, each once, in the order given and by name within a folder.
 * A name that cannot be read is a failure of its own and does not stop the others.
 */
export async function findInputs(
  names: readonly string[],
  wanted: readonly InputKind[],
  { recursive = false }: { recursive?: boolean | undefined } = {},
): Promise<{ inputs: readonly Input[]; failures: readonly InputFailure[] }> {
  const found = new Map<string, Input>();
  const failures: InputFailure[] = [];
  const add = (input: Input): void => {
    const key = resolve(input.path);
    if (!found.has(key)) found.set(key, input);
  };
  for (const name of names) {
    try {
      if ((await stat(name)).isDirectory()) {
        const inside = await inputsIn(name, wanted, recursive, failures);
        if (inside.length === 0) throw emptyFolder(wanted, recursive);
        inside.forEach(add);
      } else add({ path: name, place: basename(name), kind: await inputKind(name) });
    } catch (error) {
      failures.push({ path: name, error });
    }
  }
  return { inputs: [...found.values()], failures };
}

const natural = new Intl.Collator('en', { numeric: true });

async function inputsIn(
  folder: string,
  wanted: readonly InputKind[],
  recursive: boolean,
  failures: InputFailure[],
): Promise<readonly Input[]> {
  const places: string[] = [];
  // By hand: readdir's own `recursive` stops at the first folder that may not be read.
  const visit = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const place = join(below, entry.name);
      if (entry.isDirectory() && recursive)
        await visit(place).catch((error: unknown) => failures.push({ path: join(folder, place), error }));
      else if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(join(folder, place))))) places.push(place);
    }
  };
  await visit('');
  const inputs: Input[] = [];
  for (const place of places.sort(natural.compare)) {
    const path = join(folder, place);
    try {
      const kind = await inputKind(path);
      if (kind && wanted.includes(kind)) inputs.push({ path, place, kind });
    } catch (error) {
      failures.push({ path, error });
    }
  }
  return inputs;
}

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined))?.isFile() === true;

export async function inputKind(path: string): Promise<InputKind | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const head = new Uint8Array(16);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const start = head.subarray(0, bytesRead);
    if (pictureKind(start)) return 'picture';
    return readers.some(({ detect }) => detect(start, size)) ? 'latents' : undefined;
  } finally {
    await file.close();
  }
}

function emptyFolder(wanted: readonly InputKind[], recursive: boolean): LatentPreviewError {
  const kinds = wanted.includes('latents') ? '.npy, .npz, .safetensors, .latent, .pt' : 'PNG, JPEG';
  return new LatentPreviewError(
    'file',
    `the folder has no file of a kind that is read (${kinds})` +
      (recursive ? '' : '; --recursive looks into its subfolders too'),
  );
}
