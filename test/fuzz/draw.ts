// Random numbers for fuzzing: case INDEX of seed SEED draws the same numbers whatever was played before it, so that one
// case out of 1e9 can be played again alone.

/** sfc32 (Doty-Humphrey, PractRand): 128 bits of state, so that the cases of a night do not share sequences. */
export class Draw {
  #a = 0;
  #b = 0;
  #c = 0;
  #counter = 1;

  constructor(seed = 0, index = 0) {
    this.reseed(seed, index);
  }

  /** Both are whole numbers from 0 to 2^53 - 1. */
  reseed(seed: number, index: number): void {
    this.#a = seed | 0;
    this.#b = index | 0;
    // What is above 32 bits of either, apart from each other.
    this.#c = (Math.floor(seed / 2 ** 32) | 0) ^ Math.imul(Math.floor(index / 2 ** 32), 0x9e3779b1);
    this.#counter = 1;
    for (let round = 0; round < 12; round += 1) this.next32();
  }

  /** Uniform 32 bits, unsigned. */
  next32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** Uniform within 0 .. limit - 1. */
  below(limit: number): number {
    return Math.floor((this.next32() / 2 ** 32) * limit);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
