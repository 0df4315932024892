// Calibration `mask`: what does not work. Units that are dead or stuck, and couplings that are missing, each asked twice before it
// is named.
import { short } from '../report.ts';
import type { CalibrationOutcome, CalibrationProcedure } from '../procedure.ts';
import { singleUnits } from '../runs.ts';
import { denseScan, scanPatterns } from './dense-scan.ts';
import { Drives } from './drive-run.ts';
import { QUICK_ASKING, confirm, roundsOf, suspectsOf, thoroughAsking, type PairList } from './missing.ts';
import { commonRatio, pairsOf } from './pair-ratios.ts';
import { couplingProcedure, type CouplingTask } from './procedure.ts';
import { assumptionsOf, noUsableUnits, type CouplingDefaults } from './settings.ts';

/** A scan is coarse: 11 % of a coupling, whatever the size of the chip. The suspects of it answer for themselves. */
const DEFAULTS: CouplingDefaults = {
  patterns: (units) => Math.ceil(1.2 * units),
  samples: () => 8,
  settle: 1.25,
  rowForce_E0: 3,
};
const SEED = 0x6d61736b;
const TURNS_MAX = 3;

export const mask: CalibrationProcedure = couplingProcedure(DEFAULTS, scanPatterns, run);

async function run(task: CouplingTask): Promise<CalibrationOutcome> {
  const { device, capabilities, control, options } = task;
  const { units, samples } = options;
  // What is missing is asked for anew.
  const known = { ...task.known, mask: null };
  const drives = new Drives(device, control, known);
  const base = singleUnits(units, capabilities);
  const scan = await denseScan(drives, base, options, known, SEED);
  const { answers, rows, ratios } = scan;
  const pairs = pairsOf(ratios, units);
  if (pairs.length === 0) throw noUsableUnits(answers.live.length, units);
  const common = commonRatio(pairs);
  const suspects = suspectsOf(pairs, common.ratio);
  const missing: PairList = [];
  const left: PairList = [];
  let open = suspects;
  const chip = { live: answers.live, rows, common: common.ratio };
  let seed = SEED + 2;
  // Those whose answer was not clear are asked again: fewer at a time, and so more strongly, under orthogonal patterns.
  for (let turn = 0; turn < TURNS_MAX && open.length > 0; turn++) {
    const asked = roundsOf(open);
    const asking = turn === 0 ? QUICK_ASKING : thoroughAsking(units);
    left.push(...asked.left);
    open = [];
    for (const round of asked.rounds) {
      const found = await confirm(drives, base, round, chip, options, asking, seed);
      missing.push(...found.missing);
      open.push(...found.open);
      seed += 2;
    }
  }
  open = [...left, ...open];
  const inOrder = (list: PairList): PairList => list.sort(([a, b], [c, d]) => a - c || b - d);
  return {
    values: {
      dead: answers.dead,
      stuck: answers.stuck,
      missing: inOrder(missing),
      /** Suspects that stay open: more than could be asked, or not clearly on one side. */
      open: inOrder(open),
      suspects: suspects.length,
      pairs: pairs.length,
      scanError_ratio: short(Math.sqrt(pairs.reduce((sum, p) => sum + p.stderr ** 2, 0) / pairs.length)),
      assumes: assumptionsOf(known),
      perUnit: { quality: answers.quality },
      measurement: {
        units,
        patterns: scan.patterns,
        samples,
        coupling_E0: scan.coupling_E0,
        ...drives.facts,
      },
    },
    stderr: {},
    device: drives.chip,
  };
}
