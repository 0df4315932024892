// The JavaScript baselines compute the step they are timed for: an unblocked loop gives the same states, and their noise
// has the variance that it should.
import { describe, expect, it } from 'vitest';
import { blockedStepper, type BlockedStepper } from './blocked-javascript.ts';
import { plainStepper } from './plain-javascript.ts';

const UNITS = 12;
const REPLICAS = 6;
const DT = 0.01;

/** One noise-free step of every unit, written as in the equation. */
function plainStep(stepper: BlockedStepper): number[][] {
  return Array.from({ length: REPLICAS }, (_, replica) =>
    Array.from({ length: UNITS }, (_, row) => {
      const x = stepper.stateOf(row, replica);
      let force = 2 * x + 4 * x ** 3;
      for (let column = 0; column < UNITS; column++)
        force += stepper.couplingOf(row, column) * stepper.stateOf(column, replica);
      return x - DT * force;
    }),
  );
}

describe.each([
  ['blocked in registers', blockedStepper],
  ['plain', plainStepper],
])('%s', (_name, stepperOf) => {
  it('takes the step of the equation of motion', () => {
    const stepper = stepperOf(UNITS, REPLICAS, DT, 0);
    for (let step = 0; step < 5; step++) {
      const expected = plainStep(stepper);
      stepper.advance(1);
      expected.forEach((row, replica) =>
        row.forEach((x, unit) => expect(stepper.stateOf(unit, replica)).toBeCloseTo(x, 12)),
      );
    }
  });

  it('adds noise of variance 2 kT dt', () => {
    const stepper = stepperOf(64, 200, DT, 0.1);
    const silent = stepperOf(64, 200, DT, 0);
    stepper.advance(1);
    silent.advance(1);
    let squares = 0;
    for (let unit = 0; unit < 64; unit++)
      for (let replica = 0; replica < 200; replica++)
        squares += (stepper.stateOf(unit, replica) - silent.stateOf(unit, replica)) ** 2;
    // Standard error of a variance of 12,800 normal numbers: 1.25 %.
    expect(squares / 12_800 / (2 * 0.1 * DT)).toBeCloseTo(1, 1);
  });
});
