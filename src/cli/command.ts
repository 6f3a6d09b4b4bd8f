// The contract of a subcommand, and the words that all of them share. A new one is one file here and one line in index.ts.

import type { Terminal } from './terminal';

export interface Command {
  readonly name: string;
  /** One line for `latent-preview --help`. */
  readonly summary: string;
  /** All of `latent-preview NAME --help`. */
  readonly help: string;
  /**
   * @param args what follows the command's name
   * @returns the exit code
   * @throws UsageError; what it cannot go on without; the signal's reason
   */
  run(args: readonly string[], context: Context): Promise<ExitCode>;
}

export interface Context {
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The command line cannot be understood: nothing was done. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
