// Zip files: which of the two kinds of tensors in a zip it is, by the names of its members.

import { openArchive } from './archive';
import { quoted } from './cursor';
import { openNpz } from './npz';
import type { Reader } from './reader';
import { openTorch } from './torch';
import { zipError } from './zip-directory';

export const zip: Reader = {
  kind: 'zip',
  // A member's header, or the end record of an archive without members.
  detect: (head) =>
    head[0] === 0x50 && head[1] === 0x4b && ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6)),
  async open(source) {
    const members = await openArchive(source);
    if (members.some(({ name }) => /(^|\/)data\.pkl$/.test(name))) return openTorch(members);
    if (members.some(({ name }) => name.endsWith('.npy'))) return openNpz(members);
    const names = members.slice(0, 4).map(({ name }) => quoted(name));
    throw zipError(
      `an archive of ${members.length} members${names.length > 0 ? `, such as ${names.join(', ')}` : ''}, ` +
        'neither NumPy arrays (.npz) nor a PyTorch file (.pt)',
      'unpack it and open the .npy or .safetensors file inside',
    );
  },
};
