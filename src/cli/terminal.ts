// What goes where: results to stdout, everything about the work (notes, progress, errors) to stderr.

export interface Terminal {
  /** A result: stdout. */
  print(text: string): void;
  /** Something about the work: stderr, unless quiet. */
  note(text: string): void;
  /** Always, to stderr. */
  error(text: string): void;
  /** A bar on a terminal; nowhere else, where `note` tells each step. `fraction` is of the whole work. */
  progress(fraction: number, text: string): void;
  /** Takes the bar away. */
  endProgress(): void;
  /** From now on no notes and no bar. */
  beQuiet(): void;
}

interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const barWidth = 24;
const clearLine = '\r\x1b[2K';

export function createTerminal(stdout: Stream, stderr: Stream): Terminal {
  let quiet = false;
  let bar = '';
  const above = (stream: Stream, text: string): void => {
    if (bar) stderr.write(clearLine);
    stream.write(`${text}\n`);
    if (bar) stderr.write(bar);
  };
  return {
    print: (text) => above(stdout, text),
    note: (text) => {
      if (!quiet) above(stderr, text);
    },
    error: (text) => above(stderr, text),
    progress(fraction, text) {
      if (quiet || !stderr.isTTY) return;
      const filled = Math.round(Math.min(1, Math.max(0, fraction)) * barWidth);
      const drawn = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${Math.floor(fraction * 100)} % ${text}`;
      // A line that wraps could not be cleared.
      const next = drawn.slice(0, (stderr.columns || 80) - 1);
      if (next === bar) return;
      bar = next;
      stderr.write(clearLine + bar);
    },
    endProgress() {
      if (bar) stderr.write(clearLine);
      bar = '';
    },
    beQuiet() {
      quiet = true;
    },
  };
}
