// The zero-coupling probe on exact draws from the one-unit law, with an offset of the readout added to one unit.
import { describe, expect, it } from 'vitest';
import { quarticHolds } from '../../../test/support/quartic-holds.ts';
import { zeroCoupling, type ZeroCouplingRun } from './zero-coupling.ts';

const OFFSET_CODES = 40;

function run(seed: number, kT: number, holds = 400): ZeroCouplingRun {
  const data = quarticHolds({ seed, holds, reads: 2, units: 16, kT: () => kT });
  for (let k = 3; k < data.codes.length; k += 16) data.codes[k] += OFFSET_CODES;
  return { ...data, samples: holds };
}

describe('zero-coupling probe', () => {
  it('has honest errors of temperature and offsets, and an offset is no temperature', () => {
    let [chi, offsets, n] = [0, 0, 0];
    for (let seed = 1; seed <= 40; seed++) {
      const found = zeroCoupling(run(seed, 0.11));
      if (found === null) throw new Error('units do move');
      chi += ((found.noiseTemperature_E0 - 0.11) / found.stderr_E0) ** 2;
      found.offset_x.forEach((offset, i) => {
        const true_x = i === 3 ? OFFSET_CODES / 1024 : 0;
        offsets += ((offset - true_x) / found.offsetStderr_x[i]) ** 2;
        n++;
      });
    }
    expect(Math.abs(chi / 40 - 1)).toBeLessThan(4 * Math.sqrt(2 / 40));
    expect(Math.abs(offsets / n - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
  });

  it('says nothing of too few samples, and of units that stand still', () => {
    expect(zeroCoupling(run(1, 0.1, 9))).toBeNull();
    const still = run(1, 0.1);
    expect(zeroCoupling({ ...still, codes: new Int16Array(still.codes.length).fill(7) })).toBeNull();
  });
});
