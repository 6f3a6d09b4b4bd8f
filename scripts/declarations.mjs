// After `tsc` has written dist/**/*.d.ts: adds those that are written by hand, and completes their relative imports (`./tensor` → `./tensor.js`), which Node-style
// resolution of types demands and the sources, written for a bundler, do not have.

import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './setup.mjs';

const [source, dist] = [join(root, 'src'), join(root, 'dist')];
const declarationsIn = (folder) => readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.d.ts'));
for (const name of declarationsIn(source)) copyFileSync(join(source, name), join(dist, name));
const declarations = declarationsIn(dist);

for (const name of declarations) {
  const file = join(dist, name);
  const complete = (specifier) => {
    const target = join(dirname(file), specifier);
    if (existsSync(`${target}.d.ts`)) return `${specifier}.js`;
    if (existsSync(join(target, 'index.d.ts'))) return `${specifier}/index.js`;
    throw new Error(`dist/${name} imports ${specifier}, which has no declarations`);
  };
  const text = readFileSync(file, 'utf8');
  // `from './x'`, `import './x'`, `import('./x')`.
  const relative = /(\bfrom\s+|\bimport\s*\(?\s*)(['"])(\.\.?\/[^'"]+)\2/g;
  writeFileSync(
    file,
    text.replace(relative, (_, before, quote, path) => before + quote + complete(path) + quote),
  );
}
