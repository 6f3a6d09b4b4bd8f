// How much of a long decode goes into one submit: about as long as a page may be kept waiting, by the time that the last
// ones took. Plain numbers, nothing on a GPU; work is in multiplications.

/** What a submit should take: well below what a page may be kept waiting, for work is not time to the last digit. */
const aimMilliseconds = 40;
/** By which the next submit may exceed the last: what is there to learn from is a small one. */
const growth = 4;

export class Pace {
  readonly #first: number;
  /** Of the next submit. */
  #amount: number;
  #last: { readonly work: number; readonly milliseconds: number } | undefined;

  /** @param first of the first submit, before anything is known */
  constructor(first: number) {
    this.#first = first;
    this.#amount = first;
  }

  /** What the next submit may hold. */
  get amount(): number {
    return this.#amount;
  }

  /** A submit of this much work took so long, waiting in the queue not counted. */
  took(work: number, milliseconds: number): void {
    // Little of it says more of the queue than of the kernels.
    if (work < Math.min(this.#first, this.#amount) / 2) return;
    const last = this.#last ?? { work, milliseconds };
    this.#last = { work, milliseconds };
    // Where this side was busy it sees two that are done at once, and the second seems to have taken no time.
    const rates = [work / milliseconds, (work + last.work) / (milliseconds + last.milliseconds)];
    this.#amount = Math.min(Math.min(...rates) * aimMilliseconds, Math.max(work, this.#amount) * growth);
  }

  /** The end of the next submit, from pass `from` on: as many as the amount allows, at least one. */
  cut(works: readonly number[], from: number): number {
    let to = from + 1;
    let work = works[from];
    while (to < works.length && work + works[to] <= this.#amount) work += works[to++];
    return to;
  }
}
