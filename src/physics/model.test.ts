// What makes a model valid, and that the first fault is named with its place.
import { describe, expect, it } from 'vitest';
import { emptyModel, validateModel, type Model } from './model.ts';

function broken(change: (m: Model) => void): Model {
  const model = emptyModel(3);
  model.couplings.set([0, 1, 2, 1, 0, 3, 2, 3, 0]);
  change(model);
  return model;
}

describe('validateModel', () => {
  it('accepts a symmetric model and rounding noise of a linear-algebra package', () => {
    validateModel(broken(() => {}));
    validateModel(broken((m) => (m.couplings[3] += 1e-15)));
  });

  it.each<[string, string, (m: Model) => void]>([
    ['wrong-shape', '/units', (m) => (m.units = 0)],
    ['wrong-shape', '/couplings', (m) => (m.couplings = new Float64Array(6))],
    ['wrong-shape', '/j4', (m) => (m.j4 = new Float64Array(2))],
    ['not-finite', '/couplings/1/2', (m) => (m.couplings[5] = NaN)],
    ['not-finite', '/biases/1', (m) => (m.biases[1] = Infinity)],
    ['nonzero-diagonal', '/couplings/1/1', (m) => (m.couplings[4] = 0.1)],
    ['not-symmetric', '/couplings/2/0', (m) => (m.couplings[6] = 2.001)],
    ['potential-out-of-range', '/j4/2', (m) => (m.j4[2] = 0)],
    ['noise-temperature-out-of-range', '/noiseTemperature_E0', (m) => (m.noiseTemperature_E0 = 0)],
  ])('%s at %s', (code, pointer, change) => {
    expect(() => validateModel(broken(change))).toThrow(expect.objectContaining({ code, pointer }));
  });

  it('accepts two wells: J2 may be negative', () => {
    validateModel(broken((m) => m.j2.fill(-1)));
  });
});
