// This project's mini decoder as a network of the bench: beside TAESD, whose work it has a fiftieth of. Peers take no part.

import { loadWeights, mini } from 'latent-preview';
import { toFloat32 } from '../../src/tensor';
import type { Conv, Network, Step } from './network';

/** @param file of the shipped weights for SD1 */
export async function miniNetwork(file: string | Uint8Array): Promise<Network> {
  const tensors = await loadWeights(file);
  const names = [...tensors.keys()].flatMap((name) => (name.endsWith('.weight') ? [name.slice(0, -7)] : []));
  const floats = (name: string): Float32Array<ArrayBuffer> => new Float32Array(toFloat32(tensors.get(name)!));
  const convs = new Map(
    names.map((name): [string, Conv] => {
      const shape = tensors.get(`${name}.weight`)!.shape as unknown as Conv['shape'];
      return [name, { weight: floats(`${name}.weight`), shape, bias: floats(`${name}.bias`) }];
    }),
  );
  const order = ['stem', 'low', 'rise', 'high', 'head'];
  const place = (name: string): number => order.indexOf(name.split('.')[0]!);
  const steps = names
    .sort((a, b) => place(a) - place(b) || a.localeCompare(b))
    .flatMap((name): Step[] => [
      { kind: 'conv', name, relu: name !== 'head' },
      ...(name === 'rise' ? [{ kind: 'shuffle', factor: 2 } as const] : []),
    ]);
  return { task: 'mini', steps, convs, upscale: 8, tensors, weights: 'the shipped ones of mini sd15' };
}

/** What the layers' own references make of latents, one after the other. */
export function miniPlanes({ tensors }: Network, latents: Float32Array, size: number): Float32Array {
  const { layers } = mini(tensors);
  const done: { planes: Float32Array; shape: readonly number[] }[] = [{ planes: latents, shape: [4, size, size] }];
  for (const [index, layer] of layers.entries()) {
    const source = done[index + 1 - (layer.from ?? 1)]!;
    const added = layer.add === undefined ? undefined : done[index + 1 - layer.add]!.planes;
    const planes = layer.reference(source.planes, source.shape, undefined, added);
    done.push({ planes, shape: layer.outputShape(source.shape) });
  }
  return done.at(-1)!.planes;
}
