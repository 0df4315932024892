// Calibration `coupling-gain`: the common gain of the couplings, from the balance of forces on driven units. In units of the forces
// that the field converters make: J2, J4, noise temperature and mobility need not be known, and are not assumed.
import { short, shortAll } from '../report.ts';
import type { CalibrationOutcome, CalibrationProcedure } from '../procedure.ts';
import { singleUnits } from '../runs.ts';
import { commonGain, type CommonGain } from './common-gain.ts';
import { denseCoupling_E0, denseProgram, driveForces, patternsFor } from './drive.ts';
import { Drives } from './drive-run.ts';
import { Breath } from './matrix.ts';
import { patternMeans } from './pattern-means.ts';
import { fitRows, type RowFit } from './row-fit.ts';
import { couplingProcedure, type CouplingTask } from './procedure.ts';
import { assumptionsOf, noUsableUnits, presentCouplings, type CouplingDefaults } from './settings.ts';
import { unitAnswers, type UnitAnswers } from './unit-answers.ts';

/** Four unknowns a row, and room for the couplings to push each way. */
const PATTERNS = 31;
/** States of all units together: 0.2 % of the gain at N = 64. */
const STATES = 8192;
const PROGRAM_SEED = 0x6761696e;
const FORCE_SEED = 0x666f7263;

const DEFAULTS: CouplingDefaults = {
  patterns: () => PATTERNS,
  samples: (units) => Math.max(16, Math.ceil(STATES / units)),
  settle: 2.5,
  rowForce_E0: 2.2,
};

export const couplingGain: CalibrationProcedure = couplingProcedure(
  DEFAULTS,
  ({ patterns }) => patternsFor(0, patterns),
  run,
);

async function run(task: CouplingTask): Promise<CalibrationOutcome> {
  const { device, capabilities, control, options, known } = task;
  const { units, samples } = options;
  const size_E0 = denseCoupling_E0(units, options.rowForce_E0);
  const program = denseProgram(singleUnits(units, capabilities), size_E0, PROGRAM_SEED);
  const forces = driveForces(units, patternsFor(0, options.patterns), FORCE_SEED);
  const drives = new Drives(device, control, known);
  const data = await drives.run(program, forces, options);
  const answers = unitAnswers(data);
  if (answers.live.length < units / 2) throw noUsableUnits(answers.live.length, units);
  const means = patternMeans(data, answers.live);
  const rows = await fitRows(means, presentCouplings(program, known), units, new Breath());
  const common = commonGain(rows);
  if (common === null) throw noUsableUnits(answers.live.length, units);
  // What all gains of the readout may have in common is in this one as it is; what each has of its own, in the scatter.
  const reference = known.readout?.gainUncertainty_ratio ?? 0;
  return {
    values: {
      gain_ratio: common.gain_ratio,
      method: 'driven',
      assumes: assumptionsOf(known),
      rows: common.rows,
      scatter_ratio: short(common.stderr_ratio * Math.sqrt(common.rows)),
      perUnit: { gain_ratio: perUnit(rows.gain_ratio, answers), quality: qualityOf(answers, common) },
      dead: answers.dead,
      stuck: answers.stuck,
      measurement: { units, patterns: forces.patterns, samples, coupling_E0: size_E0, ...drives.facts },
    },
    stderr: {
      gain_ratio: Math.hypot(common.stderr_ratio, common.gain_ratio * reference),
      perUnit: { gain_ratio: perUnit(rows.gainStderr_ratio, answers) },
    },
    device: drives.chip,
  };
}

function perUnit(values: RowFit['gain_ratio'], { live, quality }: UnitAnswers): (number | null)[] {
  const spread: (number | null)[] = quality.map(() => null);
  live.forEach((unit, k) => (spread[unit] = values[k]));
  return shortAll(spread);
}

function qualityOf({ live, quality }: UnitAnswers, { deviating }: CommonGain): string[] {
  const named: string[] = [...quality];
  for (const k of deviating) named[live[k]] = 'deviates';
  return named;
}
