// The .wgsl files by name, how they are joined, and how a compiler's line number is brought back to its file.

import latentsInput from '../../shaders/lib/latents.wgsl?raw';
import pictureOutput from '../../shaders/lib/picture-output.wgsl?raw';
import planesInput from '../../shaders/lib/planes-input.wgsl?raw';
import planesOutput from '../../shaders/lib/planes-output.wgsl?raw';
import linear from '../../shaders/linear.wgsl?raw';
import mlp from '../../shaders/mlp.wgsl?raw';
import polynomial from '../../shaders/polynomial.wgsl?raw';
import resize from '../../shaders/resize.wgsl?raw';
import smooth from '../../shaders/smooth.wgsl?raw';
import { LatentPreviewError } from '../errors';
import type { OpInput } from '../ops/op';

const kernels: Readonly<Record<string, string>> = { linear, mlp, polynomial, resize, smooth };

const inputs: Readonly<Record<OpInput, readonly [string, string][]>> = {
  latents: [['lib/latents.wgsl', latentsInput]],
  planes: [['lib/planes-input.wgsl', planesInput]],
  picture: [],
};

const outputs = {
  planes: [['lib/planes-output.wgsl', planesOutput]],
  picture: [['lib/picture-output.wgsl', pictureOutput]],
} as const;

export type KernelOutput = keyof typeof outputs;

interface Source {
  readonly code: string;
  /** The files in the order they were joined, each with its first line in `code` (from 1). */
  readonly files: readonly { readonly name: string; readonly firstLine: number }[];
}

/** A kernel's file with the library files its input and output need. WGSL does not mind the order. */
export function joinShader(name: string, input: OpInput, output: KernelOutput): Source {
  const kernel = kernels[name];
  if (kernel === undefined) throw new LatentPreviewError('shader', `shader: there is no ${name}.wgsl`);
  // A picture in means a picture out, and the kernel writes it itself.
  const library = input === 'picture' ? [] : [...inputs[input], ...outputs[output]];
  const parts: readonly (readonly [string, string])[] = [...library, [`${name}.wgsl`, kernel]];
  let line = 1;
  const files = parts.map(([file, text]) => {
    const firstLine = line;
    line += text.split('\n').length;
    return { name: file, firstLine };
  });
  return { code: parts.map(([, text]) => text).join('\n'), files };
}

/** `conv2d.wgsl:27` for a line of the joined code. */
export function locate(line: number, { files }: Source): string {
  const file = files.filter(({ firstLine }) => firstLine <= line).at(-1);
  return file ? `${file.name}:${line - file.firstLine + 1}` : `line ${line}`;
}
