// A unit under a force, against identities that hold exactly in equilibrium and against the curves without force.
import { describe, expect, it } from 'vitest';
import { equilibriumMoments, noiseTemperatureUnderForce, tiltedMoments } from './equilibrium.ts';

const laws = [
  { kT: 0.1, j2: 1, j4: 1 },
  { kT: 0.02, j2: 1.3, j4: 0.2 },
  { kT: 0.15, j2: -0.5, j4: 1 },
  { kT: 0.1, j2: 1, j4: 0 },
];

describe('tiltedMoments', () => {
  it.each(laws)('balances forces and energies to rounding: kT $kT, J2 $j2, J4 $j4', ({ kT, j2, j4 }) => {
    for (const force of [-5, -0.3, 0.02, 1, 4]) {
      const [x1, x2, x3, x4] = tiltedMoments(kT, j2, j4, force);
      // <dV/dx> = 0 and <x dV/dx> = kT.
      expect(2 * j2 * x1 + 4 * j4 * x3 - force).toBeCloseTo(0, 9);
      expect(2 * j2 * x2 + 4 * j4 * x4 - force * x1 - kT).toBeCloseTo(0, 9);
    }
  });

  it('is the curve of the thermometer without a force', () => {
    for (const { kT, j2, j4 } of laws) {
      const { x2, x4 } = equilibriumMoments(kT, j2, j4);
      const tilted = tiltedMoments(kT, j2, j4, 0);
      expect(tilted[0]).toBeCloseTo(0, 12);
      expect(tilted[1]).toBeCloseTo(x2, 10);
      expect(tilted[3]).toBeCloseTo(x4, 10);
    }
  });
});

describe('noiseTemperatureUnderForce', () => {
  it('inverts the curve', () => {
    for (const force of [0, 0.02, -0.1])
      for (const kT of [0.08, 0.1, 0.13])
        expect(noiseTemperatureUnderForce(tiltedMoments(kT, 1, 1, force)[1], 1, 1, force)).toBeCloseTo(kT, 9);
  });

  it('refuses a second moment that the force alone would pass', () => {
    expect(() => noiseTemperatureUnderForce(1e-4, 1, 1, 1)).toThrow(/no noise temperature/);
  });
});
