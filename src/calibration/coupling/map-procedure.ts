// Calibration `coupling-map`: what every single coupling makes of its code, both directions, from one program under as many forces
// as there are units and half as many more.
import { short } from '../report.ts';
import type { CalibrationOutcome, CalibrationProcedure } from '../procedure.ts';
import { singleUnits } from '../runs.ts';
import { denseScan, scanPatterns, type DenseScan } from './dense-scan.ts';
import { Drives } from './drive-run.ts';
import { commonRatio, mapBlob, pairBound_z, pairsOf, type Pair } from './pair-ratios.ts';
import { couplingProcedure, type CouplingTask } from './procedure.ts';
import { assumptionsOf, noUsableUnits, type CouplingDefaults } from './settings.ts';

/** States of all units together: 3 % of each coupling at N = 64. */
const STATES = 8192;
const WORST_NAMED = 20;
const SEED = 0x6d6170;

const DEFAULTS: CouplingDefaults = {
  patterns: (units) => Math.ceil(1.5 * units),
  samples: (units) => Math.max(8, Math.ceil(STATES / units)),
  settle: 2,
  rowForce_E0: 2.2,
};

export const couplingMap: CalibrationProcedure = couplingProcedure(DEFAULTS, scanPatterns, run);

async function run(task: CouplingTask): Promise<CalibrationOutcome> {
  const { device, capabilities, control, options, known } = task;
  const { units, samples } = options;
  const drives = new Drives(device, control, known);
  const scan = await denseScan(drives, singleUnits(units, capabilities), options, known, SEED);
  const pairs = pairsOf(scan.ratios, units);
  if (pairs.length < 3) throw noUsableUnits(scan.answers.live.length, units);
  const common = commonRatio(pairs);
  const bound_z = pairBound_z(pairs.length);
  const ranked = byDeviation(pairs, common);
  const error = rms(pairs.map(({ stderr }) => stderr)) / common.ratio;
  return {
    values: {
      gain_ratio: common.ratio,
      method: 'driven',
      assumes: assumptionsOf(known),
      pairs: pairs.length,
      /** Of single couplings around the common gain, beyond the errors. */
      scatter_ratio: short(common.scatter / common.ratio),
      pairError_ratio: short(error),
      asymmetry_ratio: short(asymmetry(scan, units) / common.ratio),
      bound_z: short(bound_z),
      deviating: ranked.filter(({ z }) => Math.abs(z) > bound_z).length,
      worst: ranked.slice(0, WORST_NAMED).map(({ i, j, ratio, stderr, z }) => ({
        pair: [i, j],
        element: `${i}-${j}`,
        ratio: short(ratio / common.ratio),
        stderr: short(stderr / common.ratio),
        z: short(z),
        quality: Math.abs(z) > bound_z ? 'deviates' : 'ok',
      })),
      dead: scan.answers.dead,
      stuck: scan.answers.stuck,
      measurement: {
        units,
        patterns: scan.patterns,
        samples,
        coupling_E0: scan.coupling_E0,
        ...drives.facts,
      },
    },
    stderr: { gain_ratio: commonError(scan, known.readout?.gainUncertainty_ratio ?? 0, common.ratio) },
    blob: mapBlob(scan.ratios, common.ratio),
    device: drives.chip,
  };
}

/** By |z| against the common law: error and scatter of single couplings together. */
function byDeviation(
  pairs: readonly Pair[],
  common: { ratio: number; scatter: number },
): (Pair & { z: number })[] {
  return pairs
    .map((pair) => ({ ...pair, z: (pair.ratio - common.ratio) / Math.hypot(pair.stderr, common.scatter) }))
    .sort((a, b) => Math.abs(b.z) - Math.abs(a.z));
}

/** Rms of (J_ij - J_ji)/2 over J, beyond the errors. */
function asymmetry({ ratios }: DenseScan, units: number): number {
  let [excess, count] = [0, 0];
  for (let i = 0; i < units; i++)
    for (let j = i + 1; j < units; j++) {
      const [up, down] = [i * units + j, j * units + i];
      const half = (ratios.ratio[up] - ratios.ratio[down]) / 2;
      if (!Number.isFinite(half)) continue;
      excess += half * half - (ratios.stderr[up] ** 2 + ratios.stderr[down] ** 2) / 4;
      count += 1;
    }
  return Math.sqrt(Math.max(0, excess / count));
}

/** Rows are what varies together: their errors do not average out over the pairs of a row. */
function commonError({ rows }: DenseScan, reference: number, ratio: number): number {
  const own = rms(rows.gainStderr_ratio) / Math.sqrt(rows.gainStderr_ratio.length);
  return Math.hypot(own, ratio * reference);
}

function rms(values: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k] ** 2;
  return Math.sqrt(sum / values.length);
}
