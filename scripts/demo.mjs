// `npm run demo`: installs what is missing, serves the demo page and prints its address.
// `-- --open` opens it, `--port 8080` and `--host 0.0.0.0` say where it listens.

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installDependencies, requireNode, root } from './setup.mjs';

requireNode();

const { values: options } = parseArgs({
  options: {
    open: { type: 'boolean', default: false },
    port: { type: 'string', default: '5173' },
    host: { type: 'string', default: '127.0.0.1' },
  },
});
const port = Number(options.port);
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error(`--port ${options.port} is not a port number`);
  process.exit(1);
}

installDependencies();

// Imported late: it is there only now.
const { createServer } = await import('vite');
const server = await createServer({
  configFile: join(root, 'vite.config.ts'),
  mode: 'demo',
  logLevel: 'warn',
  // Where the port is taken, the next free one is used.
  server: { port, host: options.host },
});
await server.listen();

const [address] = server.resolvedUrls?.local ?? [];
console.log(`\n  latent-preview demo: ${address}\n`);
for (const url of server.resolvedUrls?.network ?? [])
  console.log(`  on the network: ${url} (browsers offer WebGPU over https or on localhost alone)\n`);
console.log('  Ctrl-C ends it.');
if (options.open) server.openBrowser();

const stop = async () => {
  await server.close();
  process.exit(0);
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
