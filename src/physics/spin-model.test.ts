import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PhysicsError } from './errors.ts';
import type { Model } from './model.ts';
import { decodeModelBqm } from './spin-model.ts';

type Body = Record<string, unknown>;
const golden = (name: string): Body =>
  JSON.parse(readFileSync(`test/vectors/models/${name}.bqm.json`, 'utf8')) as Body;
const read = (body: Body) => decodeModelBqm(body, 100);
const pair = { vartype: 'SPIN', linear: { a: 0, b: 0 }, quadratic: [['a', 'b', 1]] };

/** V at the corners x = s. */
function potential({ units, couplings, biases, j2, j4 }: Model, x: readonly number[]): number {
  let energy = 0;
  for (let i = 0; i < units; i++) {
    energy += j2[i] * x[i] ** 2 + j4[i] * x[i] ** 4 + biases[i] * x[i];
    for (let j = i + 1; j < units; j++) energy += couplings[i * units + j] * x[i] * x[j];
  }
  return energy;
}
const closeTo = (actual: Float64Array, expected: readonly number[]): void => {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 14);
};

describe('decodeModelBqm', () => {
  it('reads the golden spins', () => {
    const { model, metadata } = read(golden('spins'));
    closeTo(model.biases, [-0.1, 0.05, 0]);
    closeTo(model.couplings, [0, 0.05, 0, 0.05, 0, -0.1, 0, -0.1, 0]);
    closeTo(model.j2, [-0.8, -0.8, -0.8]);
    closeTo(model.j4, [0.4, 0.4, 0.4]);
    expect(model.noiseTemperature_E0).toBe(0.1);
    expect(metadata).toEqual({
      bqm: { vartype: 'SPIN', variables: ['a', 'b', 'c'], offset: 2, energyScale_E0: 0.1, barrier_E0: 0.4 },
    });
  });

  it('reads the golden file of the serialised form, BINARY', () => {
    const { model, metadata } = read(golden('binary'));
    closeTo(model.biases, [0.05, 0.2]);
    closeTo(model.couplings, [0, 0.1, 0.1, 0]);
    closeTo(model.j4, [0.4, 0.4]);
    expect(metadata['bqm']).toMatchObject({ vartype: 'BINARY', variables: ['p', 7], offset: 2 });
  });

  it('keeps the energy of every assignment: E = (V + N D)/c + offset at the corners', () => {
    const options = { beta: 2.5, noiseTemperature_E0: 0.05, barrier_E0: 0.7 };
    for (const { body, energy, low } of [
      {
        body: golden('spins'),
        low: -1,
        energy: ([a, b, c]: number[]) => -a + 0.5 * b + 0.5 * a * b - c * b + 2,
      },
      { body: golden('binary'), low: 0, energy: ([p, q]: number[]) => -p + 2 * q + 4 * p * q + 0.5 },
    ]) {
      const { model, metadata } = read({ ...body, ...options });
      const { offset, energyScale_E0, barrier_E0 } = metadata['bqm'] as Record<string, number>;
      expect([energyScale_E0, barrier_E0]).toEqual([0.125, 0.7]);
      for (let state = 0; state < 2 ** model.units; state++) {
        const bits = Array.from({ length: model.units }, (_, i) => (state >> i) & 1);
        const V = potential(
          model,
          bits.map((bit) => 2 * bit - 1),
        );
        const expected = energy(bits.map((bit) => (bit === 1 ? 1 : low)));
        expect((V + model.units * barrier_E0) / energyScale_E0 + offset).toBeCloseTo(expected, 12);
      }
    }
  });

  it('keeps both wells under the strongest pull', () => {
    const { model } = read({ vartype: 'SPIN', linear: { a: 5, b: -3 }, quadratic: { b: { a: 4 } } });
    expect(model.j4[0]).toBeCloseTo(0.9, 14); // c (5 + 4)
    const deepest = (8 * model.j4[0]) / (3 * Math.sqrt(3)); // largest slope of D (x^2 - 1)^2 between the wells
    expect(deepest).toBeGreaterThan(model.biases[0] + model.couplings[1]);
    expect(model.couplings[1]).toBeCloseTo(0.4, 14);
  });

  const serial = golden('binary');
  it.each<[string, Body, string, string]>([
    ['nothing', {}, 'bad-bqm', '/linear'],
    ['no vartype', { linear: { a: 1 } }, 'bad-bqm', '/vartype'],
    ['a wrong vartype', { ...pair, vartype: 'REAL' }, 'bad-bqm', '/vartype'],
    ['an unknown member', { ...pair, 'quad/ratic': [] }, 'bad-bqm', '/quad~1ratic'],
    ['no variables', { ...pair, linear: {} }, 'wrong-shape', '/linear'],
    ['too many', { ...pair, linear: Object.fromEntries(Array(101).entries()) }, 'wrong-shape', '/linear'],
    ['linear as a list', { ...pair, linear: [1, 2] }, 'bad-bqm', '/linear'],
    ['an unknown variable', { ...pair, quadratic: [['a', 'z', 1]] }, 'bad-bqm', '/quadratic/0'],
    [
      'an unknown variable in an object',
      { ...pair, quadratic: { z: { a: 1 } } },
      'bad-bqm',
      '/quadratic/z/a',
    ],
    ['the variable __proto__', { ...pair, quadratic: [['a', '__proto__', 1]] }, 'bad-bqm', '/quadratic/0'],
    ['a variable that is a list', { ...pair, quadratic: [['a', ['b'], 1]] }, 'bad-bqm', '/quadratic/0'],
    ['a pair of two', { ...pair, quadratic: [['a', 'b']] }, 'bad-bqm', '/quadratic/0'],
    ['a pair twice', { ...pair, quadratic: [...pair.quadratic, ['b', 'a', 1]] }, 'bad-bqm', '/quadratic/1'],
    ['a variable with itself', { ...pair, quadratic: [['a', 'a', 1]] }, 'nonzero-diagonal', '/quadratic/0'],
    ['a bias that is text', { ...pair, linear: { a: '1', b: 0 } }, 'bad-bqm', '/linear/a'],
    ['a bias that is null', { ...pair, linear: { a: null, b: 0 } }, 'not-finite', '/linear/a'],
    ['an infinite interaction', { ...pair, quadratic: [['a', 'b', Infinity]] }, 'not-finite', '/quadratic/0'],
    ['an offset of text', { ...pair, offset: '1' }, 'bad-bqm', '/offset'],
    [
      'sums beyond all numbers',
      { ...pair, linear: { a: 1e308, b: 1e308 }, beta: 1e9 },
      'not-finite',
      '/biases/0',
    ],
    ['beta 0', { ...pair, beta: 0 }, 'bad-bqm', '/beta'],
    ['a barrier of text', { ...pair, barrier_E0: 'high' }, 'bad-bqm', '/barrier_E0'],
    ['kT below 0', { ...pair, noiseTemperature_E0: -1 }, 'bad-bqm', '/noiseTemperature_E0'],
    ['packed bytes', { ...serial, use_bytes: true }, 'bad-bqm', '/use_bytes'],
    ['a missing head', { ...serial, quadratic_head: undefined }, 'bad-bqm', '/quadratic_head'],
    ['lists of two lengths', { ...serial, quadratic_tail: [1, 0] }, 'bad-bqm', '/quadratic_biases'],
    ['an index beyond', { ...serial, quadratic_tail: [2] }, 'bad-bqm', '/quadratic_biases/0'],
    ['a label twice', { ...serial, variable_labels: ['p', 'p'] }, 'bad-bqm', '/variable_labels'],
    ['another count', { ...serial, num_variables: 3 }, 'bad-bqm', '/num_variables'],
  ])('refuses %s', (_what, body, code, pointer) => {
    let thrown: unknown;
    try {
      read(body);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PhysicsError);
    expect(thrown).toMatchObject({ code, pointer });
  });
});
