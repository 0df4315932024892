// Seeded choices: the same seed gives the same request.
import { seededUniform } from '../../test/support/seeded-random.ts';

export class Dice {
  readonly #uniform: () => number;
  constructor(seed: number) {
    this.#uniform = seededUniform(seed);
  }
  /** 0 to `end` - 1. */
  below(end: number): number {
    return Math.floor(this.#uniform() * end);
  }
  chance(probability: number): boolean {
    return this.#uniform() < probability;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}
