// A tensor as PyTorch pickles it, a call that would rebuild it from a storage: which elements of which member of the
// archive it is, checked before anything is allocated.
// The calls: torch/_utils.py of PyTorch 2.

import { LatentPreviewError } from '../errors';
import { elementCount, formatShape, type Shape, type Tensor } from '../tensor';
import type { Member } from './archive';
import { quoted } from './cursor';
import type { PickleCall, PickleValue } from './pickle';
import type { StoredTensor } from './reader';
import { gather, type StoredType, storedCount, storedSize, swapBytes, tensorFromStored, tensorType } from './stored';

/** PyTorch's names of element types, in storages (`torch.HalfStorage`) and dtypes (`torch.float16`). */
const storageTypes = new Map<string, StoredType | 'bytes'>([
  ['torch.DoubleStorage', 'float64'],
  ['torch.FloatStorage', 'float32'],
  ['torch.HalfStorage', 'float16'],
  ['torch.BFloat16Storage', 'bfloat16'],
  ['torch.LongStorage', 'int64'],
  ['torch.IntStorage', 'int32'],
  ['torch.ShortStorage', 'int16'],
  ['torch.CharStorage', 'int8'],
  ['torch.ByteStorage', 'uint8'],
  ['torch.BoolStorage', 'uint8'],
  ['torch.storage.UntypedStorage', 'bytes'],
]);
const dtypeTypes = new Map<string, StoredType>([
  ['torch.float64', 'float64'],
  ['torch.float32', 'float32'],
  ['torch.float16', 'float16'],
  ['torch.bfloat16', 'bfloat16'],
  ['torch.int64', 'int64'],
  ['torch.int32', 'int32'],
  ['torch.int16', 'int16'],
  ['torch.int8', 'int8'],
  ['torch.uint64', 'uint64'],
  ['torch.uint32', 'uint32'],
  ['torch.uint16', 'uint16'],
  ['torch.uint8', 'uint8'],
  ['torch.bool', 'uint8'],
]);

const rebuild = {
  tensor: 'torch._utils._rebuild_tensor',
  tensor2: 'torch._utils._rebuild_tensor_v2',
  tensor3: 'torch._utils._rebuild_tensor_v3',
  parameter: 'torch._utils._rebuild_parameter',
  parameterWithState: 'torch._utils._rebuild_parameter_with_state',
  typed: 'torch._tensor._rebuild_from_type_v2',
};
const tensorTypes = ['torch.Tensor', 'torch.nn.parameter.Parameter'];

/** A tensor that repeats the elements of its storage may take as much as this. */
const maxEnlarged = 2 ** 25;

/** Every global that a tensor's call may name. */
export const tensorGlobals: readonly string[] = [
  ...storageTypes.keys(),
  ...dtypeTypes.keys(),
  ...Object.values(rebuild),
  ...tensorTypes,
  'torch.Size',
];

/** The archive that storages lie in. */
export interface Storages {
  readonly members: ReadonlyMap<string, Member>;
  /** What stands in front of `data/` in their names. */
  readonly folder: string;
  readonly bigEndian: boolean;
  /** Those that are being read: tensors that share a storage read it once. */
  readonly reading: Map<string, Promise<Uint8Array>>;
}

/**
 * The tensor that `call` would rebuild; undefined for what is no tensor, a numpy scalar or a device.
 * @throws LatentPreviewError `file`
 */
export function torchTensor(call: PickleCall, storages: Storages, name: string): StoredTensor | undefined {
  const place = placeOf(call, storages, name);
  return place && { dtype: tensorType(place.type), shape: place.shape, read: () => readTensor(place, storages, name) };
}

/** A tensor as the pickle describes it: which elements of which storage. */
interface Place {
  readonly storage: Member;
  readonly type: StoredType;
  readonly shape: Shape;
  /** In elements. */
  readonly strides: readonly number[];
  readonly offset: number;
}

function placeOf(value: PickleCall, { members, folder }: Storages, name: string): Place | undefined {
  let call = value;
  // A parameter is a tensor in a wrapper.
  for (let depth = 0; depth < 4; depth++) {
    const inner = unwrapped(call);
    if (!inner) break;
    call = inner;
  }
  const fail = (message: string): never => {
    throw torchError(`tensor ${quoted(name)} (data.pkl, byte ${call.at}): ${message}`);
  };
  if (call.name !== rebuild.tensor && call.name !== rebuild.tensor2 && call.name !== rebuild.tensor3)
    return call.name.startsWith('torch._') ? fail(`${quoted(call.name)} holds no tensor`) : undefined;

  const [persistent, offset, size, stride] = call.args;
  const id = typeof persistent === 'object' && persistent?.type === 'persistent' ? itemsOf(persistent.id) : undefined;
  const [tag, storageType, key, , numel] = id ?? [];
  if (tag !== 'storage' || typeof key !== 'string') return fail('its storage has no name');
  const storageName = globalName(storageType);
  const stored =
    storageTypes.get(storageName) ?? fail(`its storage is a ${quoted(storageName)}, whose numbers are not read`);
  const dtype = globalName(call.args[6]);
  const type =
    call.name === rebuild.tensor3
      ? (dtypeTypes.get(dtype) ?? fail(`its dtype is ${quoted(dtype)}, which is not read`))
      : stored === 'bytes'
        ? fail('its storage has no dtype')
        : stored;
  const shape = wholeNumbers(size) ?? fail('its shape is no tuple of whole numbers');
  const strides = wholeNumbers(stride) ?? fail('its strides are no tuple of whole numbers');
  if (shape.length !== strides.length || shape.length > 64)
    fail(`it has ${shape.length} dimensions and ${strides.length} strides`);
  if (!isWhole(offset)) return fail('its offset is no whole number');
  if (!isWhole(numel)) return fail('the length of its storage is no whole number');

  const storage = members.get(`${folder}data/${key}`);
  if (!storage) return fail(`its storage ${quoted(key)} is not in the archive`);
  const held = numel * (stored === 'bytes' ? 1 : storedSize(stored));
  if (storage.size !== held)
    fail(`its storage ${quoted(key)} is said to have ${held} bytes, the archive has ${storage.size}`);
  const count = storedCount(shape, () => `torch: tensor ${quoted(name)}`);
  const end =
    count === 0 ? 0 : offset + 1 + shape.reduce((sum, length, d) => sum + (length - 1) * (strides[d] as number), 0);
  const bytes = end * storedSize(type);
  if (!Number.isSafeInteger(bytes) || bytes > held)
    fail(`${type} of shape ${formatShape(shape)} reaches to byte ${bytes} of its storage, which has ${held}`);
  // Strides of 0 repeat elements: a bomb where they repeat them without end.
  if (count * storedSize(type) > Math.max(held, maxEnlarged))
    fail(`shape ${formatShape(shape)} repeats the ${held} bytes of its storage up to ${count * storedSize(type)}`);
  return { storage, type, shape, strides, offset };
}

/** The tensor inside of a parameter or a typed tensor; undefined where `call` is neither. */
function unwrapped({ name, args, at }: PickleCall): PickleCall | undefined {
  const [first, type, inner] = args;
  if (name === rebuild.parameter || name === rebuild.parameterWithState)
    return typeof first === 'object' && first?.type === 'call' ? first : undefined;
  if (name !== rebuild.typed || !tensorTypes.includes(globalName(type))) return undefined;
  const items = itemsOf(inner);
  return items && { type: 'call', name: globalName(first), args: items, at };
}

async function readTensor(
  { storage, type, shape, strides, offset }: Place,
  { reading, bigEndian }: Storages,
  name: string,
): Promise<Tensor> {
  const bytes = await (reading.get(storage.name) ?? readStorage(reading, storage));
  const size = storedSize(type);
  const part = isDense(shape, strides)
    ? bytes.subarray(offset * size, (offset + elementCount(shape)) * size)
    : gather(bytes, size, shape, strides, offset);
  const own = bigEndian && size > 1 ? swapBytes(part, size) : part;
  return tensorFromStored(own, type, shape, () => `torch: tensor ${quoted(name)}`);
}

function readStorage(reading: Storages['reading'], storage: Member): Promise<Uint8Array> {
  const bytes = storage.read();
  reading.set(storage.name, bytes);
  const forget = () => void reading.delete(storage.name);
  bytes.then(forget, forget);
  return bytes;
}

/** Whether the elements lie one behind the other in C order. */
function isDense(shape: Shape, strides: readonly number[]): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected) return elementCount(shape) === 0;
    expected *= shape[d] as number;
  }
  return true;
}

const itemsOf = (value: PickleValue | undefined): readonly PickleValue[] | undefined =>
  typeof value === 'object' && value !== null && (value.type === 'tuple' || value.type === 'list')
    ? value.items
    : undefined;

const globalName = (value: PickleValue | undefined): string =>
  typeof value === 'object' && value?.type === 'global' ? value.name : '';

const isWhole = (value: PickleValue | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

/** A tuple of whole numbers, or torch.Size of one. */
function wholeNumbers(value: PickleValue | undefined): number[] | undefined {
  if (typeof value === 'object' && value?.type === 'call' && value.name === 'torch.Size')
    return wholeNumbers(value.args[0]);
  const items = itemsOf(value);
  return items?.every(isWhole) ? (items as number[]) : undefined;
}

export const torchError = (
  message: string,
  remedy = 'the file is damaged: download or save it again',
): LatentPreviewError => new LatentPreviewError('file', `torch: ${message}; ${remedy}`);
