// The part of Python's pickle that PyTorch's state dicts are written in, read without running anything: what a pickle asks
// to be called comes out as a `call`, which torch.ts understands or refuses. A loop with a stack, never recursion.
// Opcodes: CPython's Lib/pickletools.py; allowed are those of torch's weights_only loader.

import { LatentPreviewError } from '../errors';
import { quoted } from './cursor';

/** Python's None is null. Integers beyond 2^53 are rounded: whoever needs them exactly checks. */
export type PickleValue = null | boolean | number | string | PickleObject;

export type PickleObject =
  | { readonly type: 'tuple' | 'list' | 'set'; readonly items: readonly PickleValue[] }
  | { readonly type: 'dict'; readonly pairs: readonly Pair[] }
  | { readonly type: 'global'; readonly name: string }
  | PickleCall
  /** What lies outside of the pickle under this id. */
  | { readonly type: 'persistent'; readonly id: PickleValue };

/** What `name(*args)` would be, asked for at byte `at`. */
export interface PickleCall {
  readonly type: 'call';
  readonly name: string;
  readonly args: readonly PickleValue[];
  readonly at: number;
}

export type Pair = readonly [key: PickleValue, value: PickleValue];

/** What a small file may make of itself in memory: values that take room, and those that wait. */
const caps = { values: 500_000, stack: 250_000 };

/** Opcodes that exist but are not read, to be named. */
const refusedOpcodes = new Map([
  [0x46, 'FLOAT'],
  [0x49, 'INT'],
  [0x4c, 'LONG'],
  [0x50, 'PERSID'],
  [0x53, 'STRING'],
  [0x69, 'INST'],
  [0x6f, 'OBJ'],
  [0x82, 'EXT1'],
  [0x83, 'EXT2'],
  [0x84, 'EXT4'],
  [0x8b, 'LONG4'],
  [0x8c, 'SHORT_BINUNICODE'],
  [0x8d, 'BINUNICODE8'],
  [0x8e, 'BINBYTES8'],
  [0x42, 'BINBYTES'],
  [0x92, 'NEWOBJ_EX'],
  [0x93, 'STACK_GLOBAL'],
  [0x94, 'MEMOIZE'],
  [0x95, 'FRAME'],
]);

export interface PickleRules {
  /** The file's reader, which opens every message. */
  readonly where: string;
  /** Which globals, as `module.name`, may stand in it: the others are refused where they stand. */
  readonly allowed: ReadonlySet<string>;
  /** What to do about a pickle that is refused. */
  readonly remedy: string;
}

/**
 * The value of a pickle. What stands in several places is one object.
 * @throws LatentPreviewError `file`, with the byte
 */
export function readPickle(bytes: Uint8Array, { where, allowed, remedy }: PickleRules): PickleValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  const memo = new Map<number, PickleValue>();
  const stack: PickleValue[] = [];
  /** Heights of the stack at which marks stand. */
  const marks: number[] = [];
  let at = 0;
  let opcodeAt = 0;
  let values = 0;

  const error = (message: string, what = 'the file is damaged: download or save it again'): LatentPreviewError =>
    new LatentPreviewError('file', `${where}, byte ${opcodeAt}: ${message}; ${what}`);
  /** The place of the next `length` bytes. */
  const take = (length: number): number => {
    if (length > bytes.length - at) throw error(`${length} bytes are wanted, ${bytes.length - at} follow`);
    at += length;
    return at - length;
  };
  const spend = (count: number): void => {
    values += count;
    if (values > caps.values || stack.length >= caps.stack) throw error('more values than any state dict has', remedy);
  };
  const push = (value: PickleValue): void => {
    spend(typeof value === 'string' || typeof value === 'object' ? 1 : 0);
    stack.push(value);
  };
  const pop = (): PickleValue => {
    const value = stack.length > (marks.at(-1) ?? 0) ? stack.pop() : undefined;
    if (value === undefined) throw error('a value is wanted where none is');
    return value;
  };
  const top = (): PickleValue => {
    const value = pop();
    stack.push(value);
    return value;
  };
  const popToMark = (): PickleValue[] => {
    const height = marks.pop();
    if (height === undefined) throw error('a mark is wanted where none is');
    return stack.splice(height);
  };
  const object = (value: PickleValue): PickleObject => {
    if (typeof value !== 'object' || value === null) throw error('a plain value stands where a container is wanted');
    return value;
  };
  const popMany = (count: number): PickleValue[] => Array.from({ length: count }, pop).reverse();
  const tuple = (items: readonly PickleValue[]): void => push({ type: 'tuple', items });
  const text = (length: number): string => {
    const from = take(length);
    return decoder.decode(bytes.subarray(from, from + length));
  };
  const line = (): string => {
    const end = bytes.subarray(at, at + 1000).indexOf(0x0a);
    if (end < 0) throw error('a name does not end');
    return text(end + 1).slice(0, -1);
  };
  const append = (items: readonly PickleValue[]): void => {
    const target = object(top());
    if (target.type !== 'list' && target.type !== 'set') throw error('what is appended to is no list');
    for (const item of items) (target.items as PickleValue[]).push(item);
  };
  const setItems = (items: readonly PickleValue[]): void => {
    const target = object(top());
    if (target.type !== 'dict') throw error('what takes items is no dict');
    if (items.length % 2 !== 0) throw error('a key has no value');
    spend(items.length / 2);
    for (let k = 0; k < items.length; k += 2)
      (target.pairs as Pair[]).push([items[k] as PickleValue, items[k + 1] as PickleValue]);
  };
  const call = (): void => {
    const args = object(pop());
    const callee = object(pop());
    if (callee.type !== 'global') throw error('what is called is no global');
    if (args.type !== 'tuple') throw error('the arguments of a call are no tuple');
    // The one call that takes items later.
    const ordered = callee.name === 'collections.OrderedDict';
    if (ordered && args.items.length > 0) throw error('an OrderedDict with arguments', remedy);
    push(ordered ? { type: 'dict', pairs: [] } : { type: 'call', name: callee.name, args: args.items, at: opcodeAt });
  };
  const global = (name: string): void => {
    if (!allowed.has(name))
      throw error(
        `the global ${quoted(name)} is not on the list of what state dicts hold; nothing is ever run`,
        remedy,
      );
    push({ type: 'global', name });
  };
  const get = (index: number): void => {
    const value = memo.get(index);
    if (value === undefined) throw error(`nothing was put in place ${index}`);
    push(value);
  };

  const opcodes = new Map<number, () => void>([
    // PROTO: the opcodes themselves say what is too new.
    [0x80, () => void take(1)],
    [0x28, () => void marks.push(stack.length)], // MARK
    [0x29, () => tuple([])], // EMPTY_TUPLE
    [0x74, () => tuple(popToMark())], // TUPLE
    [0x85, () => tuple(popMany(1))], // TUPLE1
    [0x86, () => tuple(popMany(2))], // TUPLE2
    [0x87, () => tuple(popMany(3))], // TUPLE3
    [0x5d, () => push({ type: 'list', items: [] })], // EMPTY_LIST
    [0x7d, () => push({ type: 'dict', pairs: [] })], // EMPTY_DICT
    [0x8f, () => push({ type: 'set', items: [] })], // EMPTY_SET
    [0x61, () => append(popMany(1))], // APPEND
    [0x65, () => append(popToMark())], // APPENDS
    [0x90, () => append(popToMark())], // ADDITEMS
    [0x73, () => setItems(popMany(2))], // SETITEM
    [0x75, () => setItems(popToMark())], // SETITEMS
    [0x63, () => global(`${line()}.${line()}`)], // GLOBAL
    [0x52, call], // REDUCE
    [0x81, call], // NEWOBJ
    // BUILD sets attributes; those of an OrderedDict (_metadata) and of numpy's dtype say nothing of the numbers.
    [0x62, () => void popMany(1)],
    [0x51, () => push({ type: 'persistent', id: pop() })], // BINPERSID
    [0x4e, () => push(null)], // NONE
    [0x88, () => push(true)], // NEWTRUE
    [0x89, () => push(false)], // NEWFALSE
    [0x4a, () => push(view.getInt32(take(4), true))], // BININT
    [0x4b, () => push(view.getUint8(take(1)))], // BININT1
    [0x4d, () => push(view.getUint16(take(2), true))], // BININT2
    [0x8a, () => push(littleEndian(bytes, take, view.getUint8(take(1))))], // LONG1
    [0x47, () => push(view.getFloat64(take(8)))], // BINFLOAT
    [0x58, () => push(text(view.getUint32(take(4), true)))], // BINUNICODE
    [0x55, () => push(text(view.getUint8(take(1))))], // SHORT_BINSTRING
    [0x71, () => void memo.set(view.getUint8(take(1)), top())], // BINPUT
    [0x72, () => void memo.set(view.getUint32(take(4), true), top())], // LONG_BINPUT
    [0x68, () => get(view.getUint8(take(1)))], // BINGET
    [0x6a, () => get(view.getUint32(take(4), true))], // LONG_BINGET
  ]);

  for (;;) {
    opcodeAt = at;
    const opcode = bytes[take(1)] as number;
    if (opcode === 0x2e) break; // STOP
    const run = opcodes.get(opcode);
    if (!run) {
      const name = refusedOpcodes.get(opcode);
      throw name
        ? error(`the opcode ${name} is not among those of state dicts; nothing is ever run`, remedy)
        : error(`0x${opcode.toString(16).padStart(2, '0')} is no known opcode`);
    }
    run();
  }
  const value = pop();
  if (stack.length > 0 || marks.length > 0) throw error(`${stack.length} values are left over`);
  if (at < bytes.length) throw error(`${bytes.length - at} bytes follow the end`);
  return value;
}

/** A two's complement integer of `length` bytes. */
function littleEndian(bytes: Uint8Array, take: (length: number) => number, length: number): number {
  const from = take(length);
  let value = 0;
  for (let k = length - 1; k >= 0; k--) value = value * 256 + (bytes[from + k] as number);
  const negative = length > 0 && (bytes[from + length - 1] as number) & 0x80;
  return negative ? value - 256 ** length : value;
}
