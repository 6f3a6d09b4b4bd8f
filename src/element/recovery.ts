// How often, and how soon, an element tries again with a new device where one was lost. What is lost and made anew is
// shared.ts's; when to give up is said here alone.

import { LatentPreviewError } from '../index';

const mostTries = 3;

export class Recovery {
  #tries = 0;

  /** A picture is on show, or something else is asked for: the next loss is the first. */
  settle(): void {
    this.#tries = 0;
  }

  /** Between a loss and the next picture. */
  get underWay(): boolean {
    return this.#tries > 0;
  }

  /** Milliseconds to wait before the next try, none the first time; undefined where there were enough. */
  next(): number | undefined {
    return this.#tries < mostTries ? 500 * this.#tries++ : undefined;
  }
}

/** What is said in the end. A device of the page's own is the page's to replace. */
export function lostError(device: GPUDevice | undefined, message: string): LatentPreviewError {
  const said = message || 'no reason given';
  return new LatentPreviewError(
    'gpu-lost',
    device
      ? `latent-preview: the page's device was lost (${said}); set \`device\` to a new one`
      : `latent-preview: the GPU was lost (${said}), and again ${mostTries} times; reload the page, or set backend="cpu"`,
  );
}
