// What a browser costs the machine, over all of its processes. Linux alone tells.

import { readdirSync, readFileSync } from 'node:fs';

export const canMeasure = process.platform === 'linux';

/** `pid` and all that it started, directly or not. */
function tree(pid) {
  const parents = new Map();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const fields = statOf(entry);
    if (fields) parents.set(Number(entry), Number(fields[1]));
  }
  const within = new Set([pid]);
  for (let size = 0; size !== within.size; ) {
    size = within.size;
    for (const [child, parent] of parents) if (within.has(parent)) within.add(child);
  }
  return [...within];
}

/** The fields after the command's name, which may hold anything. */
function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

// Of user and system time, and of children that have ended; the kernel's clock for these ticks 100 times a second.
const timeFields = [11, 12, 13, 14];

/** Processor milliseconds so far. */
export const processorTime = (pid) =>
  tree(pid).reduce((sum, one) => {
    const fields = statOf(one);
    return sum + (fields ? timeFields.reduce((time, field) => time + Number(fields[field]) * 10, 0) : 0);
  }, 0);

/** Bytes in memory, what processes share counted once in all (PSS). */
export const memory = (pid) =>
  tree(pid).reduce((sum, one) => {
    try {
      const text = readFileSync(`/proc/${one}/smaps_rollup`, 'utf8');
      return sum + Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) * 1024;
    } catch {
      return sum;
    }
  }, 0);
