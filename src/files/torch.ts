// .pt, .pth, .ckpt since PyTorch 1.6: a zip with one pickle, which says which tensors there are, and the numbers of each
// storage in a member of its own. Own code: no library refuses what it does not know.
// Layout: torch/serialization.py and torch/_utils.py of PyTorch 2.

import { LatentPreviewError } from '../errors';
import { elementCount, itemSize } from '../tensor';
import type { Member } from './archive';
import { quoted } from './cursor';
import { type PickleCall, type PickleObject, type PickleValue, readPickle } from './pickle';
import type { StoredTensor, TensorFile } from './reader';
import { type Storages, tensorGlobals, torchError, torchTensor } from './torch-tensor';
import { resave } from './unreadable';

// numpy's scalars and the like stand beside the tensors of a checkpoint and are passed over.
const allowed = new Set([
  ...tensorGlobals,
  'collections.OrderedDict',
  'torch.device',
  'numpy.core.multiarray.scalar',
  'numpy._core.multiarray.scalar',
  'numpy.dtype',
  '_codecs.encode',
]);

/** Of the pickle itself, and of the tensors and nested containers that it may name. */
const caps = { pickle: 2 ** 22, visited: 100_000, name: 1000, depth: 64, repeated: 2 ** 25 };

/** @throws LatentPreviewError `file` (as a rejection) */
export async function openTorch(members: readonly Member[]): Promise<TensorFile<StoredTensor>> {
  const byName = new Map(members.map((member) => [member.name, member]));
  const pickles = members.filter(({ name }) => /(^|\/)data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (!pickle || pickles.length > 1) throw torchError(`${pickles.length} members are named data.pkl, one is wanted`);
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  if (byName.has(`${folder}constants.pkl`))
    throw new LatentPreviewError(
      'file',
      'torch: a TorchScript program, which is not run; save its weights in Python: ' +
        "torch.save(torch.jit.load(path).state_dict(), 'weights.pt')",
    );
  if (pickle.size > caps.pickle) throw torchError(`data.pkl has ${pickle.size} bytes, at most ${caps.pickle} are read`);
  const order = await byName.get(`${folder}byteorder`)?.read();
  const bigEndian = order !== undefined && byteOrder(order) === 'big';
  const value = readPickle(await pickle.read(), { where: 'torch: data.pkl', allowed, remedy: resave });

  const storages: Storages = { members: byName, folder, bigEndian, reading: new Map() };
  const tensors = new Map<string, StoredTensor>();
  const metadata = new Map<string, string>();
  for (const [name, found] of named(value)) {
    if (typeof found === 'string') metadata.set(name, found);
    else {
      const tensor = torchTensor(found, storages, name);
      if (tensor) tensors.set(name, tensor);
    }
  }
  checkTotal(tensors, members);
  return { kind: 'torch', tensors, metadata };
}

/** Two names for one tensor are usual, hundreds for a large one a bomb. */
function checkTotal(tensors: ReadonlyMap<string, StoredTensor>, members: readonly Member[]): void {
  const held = members.reduce((sum, { size }) => sum + size, 0);
  let total = 0;
  for (const { dtype, shape } of tensors.values()) total += elementCount(shape) * itemSize(dtype);
  if (total > held * 4 + caps.repeated)
    throw torchError(`its tensors would take ${total} bytes, out of ${held} that are stored`);
}

function byteOrder(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes.subarray(0, 16)).trim();
  if (text !== 'little' && text !== 'big')
    throw torchError(`the byte order is ${quoted(text)}, known are little and big`);
  return text;
}

/** What the pickle's containers hold, by names joined with dots: `model.conv.weight`, `steps.0`. */
function named(root: PickleValue): Map<string, string | PickleCall> {
  const found = new Map<string, string | PickleCall>();
  const open = [{ prefix: '', children: [['', root] as Child][Symbol.iterator]() }];
  let visited = 0;
  for (let last = open.at(-1); last; last = open.at(-1)) {
    const next = last.children.next();
    if (next.done) {
      open.pop();
      continue;
    }
    const [key, value] = next.value;
    if (value === null || typeof value === 'number' || typeof value === 'boolean') continue;
    const name = last.prefix + key;
    // A list may hold itself, or one other list many times over.
    if (open.length > caps.depth) throw torchError(`${quoted(name)} is nested deeper than ${caps.depth} containers`);
    if (name.length > caps.name) throw torchError(`the name ${quoted(name)} has ${name.length} characters`);
    if (++visited > caps.visited) throw torchError('more values than any state dict has', resave);
    if (typeof value === 'string' || value.type === 'call') {
      if (found.has(name)) throw torchError(`two values are named ${quoted(name)}`);
      found.set(name, value);
    } else open.push({ prefix: open.length === 1 ? '' : `${name}.`, children: childrenOf(value) });
  }
  return found;
}

type Child = readonly [key: string, value: PickleValue];

function* childrenOf(value: PickleObject): Generator<Child, undefined> {
  if (value.type === 'list' || value.type === 'tuple') {
    let index = 0;
    for (const item of value.items) yield [String(index++), item];
  } else if (value.type === 'dict') {
    // As in Python, the last of equal keys counts.
    const pairs = new Map(value.pairs);
    for (const [key, item] of pairs) if (typeof key === 'string' || typeof key === 'number') yield [String(key), item];
  }
}
