// Notices of the packages that the page's workers bundle: Vite's own list has those of the page alone.

import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

/**
 * Two Vite plugins that belong together: `worker` hears what the workers are made of, `page` adds what is missing to
 * Vite's list.
 * @param {string} fileName of that list
 */
export function workerNotices(fileName) {
  /** @type {Set<string>} */
  const packages = new Set();
  /** @type {import('vite').Plugin} */
  const worker = {
    name: 'worker-notices',
    generateBundle(_, bundle) {
      for (const part of Object.values(bundle))
        for (const id of part.type === 'chunk' ? part.moduleIds : []) {
          const [, name] = id.match(/node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules)/) ?? [];
          if (name) packages.add(name);
        }
    },
  };
  /** @type {import('vite').Plugin} */
  const page = {
    name: 'worker-notices:page',
    writeBundle({ dir = '' }) {
      const list = join(dir, fileName);
      const known = readFileSync(list, 'utf8');
      for (const name of [...packages].sort())
        if (!known.includes(`\n## ${name} - `)) appendFileSync(list, `\n${noticeOf(name)}`);
    },
  };
  return { worker, page };
}

/** @param {string} name */
function noticeOf(name) {
  const folder = join(root, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  if (!file) throw new Error(`${name}: its package has no licence file, whose text the page must bring`);
  return `## ${name} - ${version} (${license})\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
}
