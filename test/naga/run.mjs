// Runs the suites under Deno on lavapipe. `npm test` calls runUnderDeno; `node test/naga/run.mjs` runs it by hand.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureNaga, root, underCI } from '../../scripts/setup.mjs';
import { bundle } from './bundle.mjs';

/**
 * Bundles, runs, prints, and writes the summary as JSON.
 * @param {{ deno: string, environment: Record<string, string>, report: string }} options
 * @returns {Promise<boolean>} whether every test passed
 */
export async function runUnderDeno({ deno, environment, report }) {
  const { file } = await bundle('naga/suite.ts');
  const shared = join(dirname(root), 'shared', 'fixtures');
  const present = existsSync(shared);
  const permissions = ['--no-prompt', ...(present ? [`--allow-read=${shared}`] : [])];
  const options = JSON.stringify({ underCI, ...(present ? { shared } : {}) });
  const child = spawn(deno, ['run', ...permissions, '--no-remote', '--no-npm', '--no-config', file, options], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1' },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  const [printed, summary] = output.split(/^RESULT /m);
  process.stdout.write(printed);
  if (!summary) return false;
  const { passed, failed } = JSON.parse(summary);
  console.log(`${passed} passed, ${failed} failed`);
  mkdirSync(dirname(report), { recursive: true });
  writeFileSync(report, summary);
  return code === 0 && failed === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const naga = ensureNaga();
  if ('missing' in naga) throw new Error(naga.missing);
  process.exitCode = (await runUnderDeno({ ...naga, report: join(root, 'artifacts', 'naga.json') })) ? 0 : 1;
}
