// Options: declared once, for parseArgs and for the help. Which values they may have is checked here too.

import { parseArgs } from 'node:util';
import { UsageError } from './command';

export interface Option {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** What stands for the value in the help: `ID`, `FOLDER`. */
  readonly value?: string;
  readonly help: string;
}

export type Options = Readonly<Record<string, Option>>;

/** What a command's options came to: a string, true, or undefined where not given. */
export type Values<O extends Options> = {
  readonly [K in keyof O]?: O[K]['type'] extends 'string' ? string : boolean;
};

export const commonOptions = {
  quiet: { type: 'boolean', short: 'q', help: 'Print errors alone.' },
  help: { type: 'boolean', short: 'h', help: 'Print this.' },
} as const satisfies Options;

/** @throws UsageError naming the option that is unknown, lacks its value or must not have one */
export function parseOptions<O extends Options>(
  args: readonly string[],
  options: O,
): { values: Values<O>; names: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { values: values as Values<O>, names: positionals };
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
      throw new UsageError(error.message.replace(/\. To specify a positional.*/s, ''));
    throw error;
  }
}

/** One of the allowed words. */
export function oneOf<T extends string>(name: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((word) => word === value);
  if (found === undefined) throw new UsageError(`--${name} ${value}: it must be ${listed(allowed)}`);
  return found;
}

/** A whole number of at least `least`. */
export function wholeNumber(name: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d+$/.test(value) || Number(value) < least || !Number.isSafeInteger(Number(value)))
    throw new UsageError(`--${name} ${value}: it must be a whole number of at least ${least}`);
  return Number(value);
}

/** A finite number of at least 0. */
export function amount(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() === '' || !(number >= 0 && number < Number.POSITIVE_INFINITY))
    throw new UsageError(`--${name} ${value}: it must be a number of at least 0`);
  return number;
}

/** `640x480`. */
export function pixelSize(name: string, value: string | undefined): { width: number; height: number } | undefined {
  if (value === undefined) return undefined;
  const [, width, height] = /^([1-9]\d{0,5})[x×]([1-9]\d{0,5})$/i.exec(value) ?? [];
  if (!width || !height) throw new UsageError(`--${name} ${value}: it must be WIDTHxHEIGHT, such as 640x480`);
  return { width: Number(width), height: Number(height) };
}

const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;

const lineWidth = 88;
const leftWidth = 26;

/** The options as the help lists them. */
export function optionHelp(options: Options): string {
  return Object.entries(options)
    .map(([name, { short, value, help }]) => {
      const left = `  ${short ? `-${short}, ` : '    '}--${name}${value ? ` ${value}` : ''}`;
      const lines = wrap(help, lineWidth - leftWidth);
      const first = left.length < leftWidth ? left.padEnd(leftWidth) + lines.shift() : left;
      return [first, ...lines.map((line) => ' '.repeat(leftWidth) + line)].join('\n');
    })
    .join('\n');
}

/** Breaks a text between words; its own line breaks stay. */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines = [''];
    for (const word of paragraph.split(' ')) {
      const line = lines[lines.length - 1];
      if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
      else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
    }
    return lines;
  });
}
