import { afterAll, describe, expect, it } from 'vitest';
import { dequantise, emptyModel, potentialEnergy, quantise, stateOf } from '../physics/index.ts';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { SampleEnergies } from './sample-energies.ts';

const STATE_SCALE = 2 ** -10;
const energies = new SampleEnergies();
afterAll(() => energies.close());

function randomRun(units: number, samples: number, reads: number) {
  const uniform = seededUniform(units);
  const model = emptyModel(units);
  for (let i = 0; i < units; i++)
    for (let j = 0; j < i; j++)
      model.couplings[i * units + j] = model.couplings[j * units + i] = 0.1 * (uniform() - 0.5);
  const run = {
    ...{ samples, units, stateScale: STATE_SCALE },
    codes: Int16Array.from({ length: samples * reads * units }, () => Math.round(2000 * (uniform() - 0.5))),
    reads: Array.from({ length: reads }, (_, k) => ({ time_s: k * 1e-6, label: 'read' as const })),
  };
  return { program: quantise(model), run };
}

describe('energies of the samples of a run', () => {
  // At once; in the thread as one task; in the thread as several.
  it.each([
    [6, 5],
    [64, 400],
    [300, 300],
  ])('are those of the model at the reads asked for (%i units, %i samples)', async (units, samples) => {
    const { program, run } = randomRun(units, samples, 3);
    const model = dequantise(program);
    const shape = { units, samples, reads: 3 };
    const found = await energies.of(program, run, [2, 0]);
    expect(found).toHaveLength(2 * samples);
    for (const sample of [0, 1, samples >> 1, samples - 1])
      for (const [k, read] of [2, 0].entries()) {
        const x = stateOf(run.codes, shape, STATE_SCALE, sample, read);
        expect(found[2 * sample + k]).toBe(potentialEnergy(model, x));
      }
    expect(program.couplingCode).toHaveLength((units * (units - 1)) / 2);
    expect(run.codes).toHaveLength(samples * 3 * units);
  });

  it('are not computed to the end for nobody', async () => {
    const { program, run } = randomRun(300, 300, 1);
    const abort = new AbortController();
    const found = energies.of(program, run, [0], abort.signal);
    abort.abort(new Error('given up'));
    await expect(found).rejects.toThrow('given up');
  });
});
