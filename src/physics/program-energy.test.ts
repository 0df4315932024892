import { describe, expect, it } from 'vitest';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { potentialEnergy } from './energy.ts';
import { emptyModel } from './model.ts';
import { energiesOfStates_E0 } from './program-energy.ts';
import { dequantise, quantise } from './quantise.ts';

const UNITS = 13;
const STATE_SCALE = 2 ** -10;

function randomProgram(seed: number): ReturnType<typeof quantise> {
  const uniform = seededUniform(seed);
  const model = emptyModel(UNITS);
  for (let i = 0; i < UNITS; i++) {
    model.biases[i] = uniform() - 0.5;
    model.j2[i] = uniform() - 0.5;
    model.j4[i] = 0.5 + uniform();
    for (let j = 0; j < i; j++)
      model.couplings[i * UNITS + j] = model.couplings[j * UNITS + i] = uniform() - 0.5;
  }
  return quantise(model);
}

describe('energies from codes', () => {
  it('are those of the dequantised model, to the last bit', () => {
    const program = randomProgram(3);
    const model = dequantise(program);
    const uniform = seededUniform(4);
    const states = Int16Array.from({ length: 50 * UNITS }, () => Math.round(4094 * (uniform() - 0.5)));
    const energies = energiesOfStates_E0(program, states, STATE_SCALE);
    expect(energies).toHaveLength(50);
    for (const [state, energy] of energies.entries()) {
      const x = Array.from(states.subarray(state * UNITS, (state + 1) * UNITS), (code) => code * STATE_SCALE);
      expect(energy).toBe(potentialEnergy(model, x));
    }
  });

  it('are none of no state, and not of a part of one', () => {
    const program = randomProgram(5);
    expect(energiesOfStates_E0(program, new Int16Array(0), STATE_SCALE)).toHaveLength(0);
    expect(() => energiesOfStates_E0(program, new Int16Array(UNITS + 1), STATE_SCALE)).toThrow(
      expect.objectContaining({ code: 'wrong-shape' }),
    );
  });
});
