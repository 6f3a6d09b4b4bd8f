// .npz: several NumPy arrays, each an .npy file in a zip (numpy.savez, numpy.savez_compressed). Other members are passed
// over, as numpy does.

import type { Member } from './archive';
import { quoted } from './cursor';
import { describeNpy, npyHeadLength } from './npy';
import type { StoredTensor, TensorFile } from './reader';

const suffix = '.npy';

/** @throws LatentPreviewError `file` (as a rejection) */
export async function openNpz(members: readonly Member[]): Promise<TensorFile<StoredTensor>> {
  const tensors = new Map<string, StoredTensor>();
  for (const { name, size, read, readStart } of members) {
    if (!name.endsWith(suffix)) continue;
    const key = name.slice(0, -suffix.length);
    const head = await readStart(npyHeadLength);
    tensors.set(key, describeNpy(head, size, read, `npz: array ${quoted(key)}`));
  }
  return { kind: 'npz', tensors, metadata: new Map() };
}
