#!/usr/bin/env node
// The command `latent-preview`: finds the subcommand, and turns what goes wrong into a message and an exit code.
// Not part of the library: nothing imports it, and it alone in src reads files and prints.

import { version } from '../../package.json';
import { type Command, type ExitCode, exitCodes, UsageError } from './command';
import { compare } from './compare';
import { decode } from './decode';
import { errorMessage } from './errors';
import { fit } from './fit';
import { info } from './info';
import { createTerminal } from './terminal';

const commands: readonly Command[] = [decode, info, compare, fit];

const help = `Usage: latent-preview COMMAND [options] FILE ...

Diffusion latents to pictures, and how good they are.

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join('\n')}

'latent-preview COMMAND --help' tells all about one; --version prints the version.

Exit codes: 0 all went well; 1 an input failed, or a comparison fell below its bound;
2 the command line cannot be understood; 130 stopped by Ctrl-C.`;

async function main(args: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = args;
  const command = commands.find((one) => one.name === name);
  const beforeNames = rest.slice(0, rest.includes('--') ? rest.indexOf('--') : rest.length);
  if (command && (beforeNames.includes('--help') || beforeNames.includes('-h'))) {
    terminal.print(command.help);
    return exitCodes.ok;
  }
  if (command) return command.run(rest, { terminal, signal: stop.signal });
  if (name === '--version' || name === '-v') terminal.print(version);
  else if (name === '--help' || name === '-h' || name === 'help') terminal.print(help);
  else if (name === undefined) throw new UsageError(`no command given\n\n${help}`);
  else
    throw new UsageError(`there is no command '${name}'; commands are ${commands.map((one) => one.name).join(', ')}`);
  return exitCodes.ok;
}

const terminal = createTerminal(process.stdout, process.stderr);
const stop = new AbortController();
// Once: a second Ctrl-C ends the process there and then.
process.once('SIGINT', () => stop.abort());
// Who reads only the first lines (head) closes the pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  terminal.endProgress();
  if (stop.signal.aborted) {
    terminal.error('latent-preview: stopped');
    return exitCodes.interrupted;
  }
  terminal.error(`latent-preview: ${errorMessage(error)}`);
  if (!(error instanceof UsageError)) return exitCodes.failed;
  terminal.error("See 'latent-preview --help', or '--help' behind a command.");
  return exitCodes.usage;
});
