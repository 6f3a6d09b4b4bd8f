// `npm run fuzz -- --mutants 200000 --seed 1`: broken and forged files for the readers. Exits with 1 where one escapes.

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installDependencies, requireNode, root } from './setup.mjs';

requireNode();
installDependencies();
const { runnerImport } = await import('vite');

const { values: options } = parseArgs({
  options: { mutants: { type: 'string', default: '200000' }, seed: { type: 'string', default: '1' } },
});
const [mutants, seed] = [options.mutants, options.seed].map(Number);
if (!Number.isSafeInteger(mutants) || mutants < 1 || !Number.isSafeInteger(seed)) {
  console.error('--mutants and --seed take whole numbers');
  process.exit(2);
}

process.on('unhandledRejection', (reason) => {
  console.error('an error that nobody waits for:', reason);
  process.exitCode = 1;
});
const { module } = await runnerImport(join(root, 'test', 'files', 'fuzz.ts'), { configFile: false });
const show = (done) => process.stdout.isTTY && process.stdout.write(`\r${done} of ${mutants}`);
const { tensors, errors, slowest, largest, failures } = await module.fuzz(mutants, seed, show);
for (const failure of failures) console.error(failure);
console.log(
  `\n${mutants} mutants of seed ${seed}: ${tensors} read as tensors, ${errors} refused, ${failures.length} failed; ` +
    `the slowest took ${slowest.toFixed(2)} s of processor time, the largest ${(largest / 1e6).toFixed(1)} MB over its size`,
);
if (failures.length > 0) process.exitCode = 1;
