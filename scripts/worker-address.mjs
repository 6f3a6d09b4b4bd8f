// A Vite plugin for builds of the library: keeps `new Worker(new URL(…, import.meta.url))` of src/worker/start.ts as it is,
// where Vite would put the worker's code into the library. Users' bundlers know the expression and take the file along.

import { dirname, posix } from 'node:path';

const inSource = "new URL('./run.ts', import.meta.url)";
const mark = '__workerAddress__';

/**
 * @param {(fileName: string) => string} address code for the worker's address, in the built file of that name
 * @returns {import('vite').Plugin}
 */
export const workerAddress = (address = beside) => ({
  name: 'worker-address',
  apply: 'build',
  enforce: 'pre',
  transform(code, id) {
    if (!id.endsWith('/src/worker/start.ts')) return undefined;
    if (!code.includes(inSource)) throw new Error(`worker-address: ${id} has no ${inSource}`);
    return { code: code.replace(inSource, mark), map: null };
  },
  renderChunk(code, { fileName }) {
    return code.includes(mark) ? { code: code.replaceAll(mark, address(fileName)), map: null } : undefined;
  },
});

/** @param {string} fileName */
const beside = (fileName) => {
  const path = posix.relative(dirname(fileName), 'worker/run.js');
  return `new URL('${path.startsWith('.') ? path : `./${path}`}', import.meta.url)`;
};
