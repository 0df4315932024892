// The state at one end of a step of a fast record, and the forces there: what estimators out of equilibrium hold steps against.
import type { Model } from '../model.ts';
import type { StateReader } from './fast-record.ts';

/** One end of a step, to be loaded again and again. */
export class StepEnd {
  readonly x: Float64Array;
  /** J x. */
  readonly coupled: Float64Array;
  /** 2 J2 x + 4 J4 x^3 + b. */
  readonly own: Float64Array;

  constructor(units: number) {
    this.x = new Float64Array(units);
    this.coupled = new Float64Array(units);
    this.own = new Float64Array(units);
  }

  load(reader: StateReader, { couplings, biases, j2, j4 }: Model, sample: number, read: number): void {
    const { x } = this;
    reader.read(sample, read, x);
    for (let i = 0, at = 0; i < x.length; i++) {
      let sum = 0;
      for (let j = 0; j < x.length; j++, at++) sum += couplings[at] * x[j];
      this.coupled[i] = sum;
      // <(x + e)^3> = x^3 + 3 <e^2> x.
      const cube = x[i] * (x[i] * x[i] - 3 * reader.variance_x2[i]);
      this.own[i] = 2 * j2[i] * x[i] + 4 * j4[i] * cube + biases[i];
    }
  }
}
