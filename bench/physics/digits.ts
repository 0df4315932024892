// Rows of the 784-unit digit model under planted errors, against the sensitivity table of the method (design of the
// physics, section 6.4: 64 runs a row, dt 0.001). The chip can show what can be written into a program or a schedule.
import { dequantise, quantise, type Model, type QuantisedProgram } from '../../src/physics/index.ts';
import { trainModel } from '../../src/training/index.ts';
import type { Figure } from '../figure.ts';
import { float64Restarts } from '../baselines/float64-euler.ts';
import {
  DURATION,
  float64Rows,
  generate,
  judgeRestarts,
  tableRows,
  withGain,
  type TableEntry,
} from './glyphs.ts';
import type { Settings } from './relax.ts';
import { normalFrom, uniformFrom } from './seeded-couplings.ts';

/** Runs of a table row, and the table's own reference row. */
const TABLE_RUNS = 64;
/** Runs of a row of ours: its own error is then small beside the table's. */
const RUNS = 2048;
/** Fast mode: 1 % less heat at most (reference table: 1045 at 0.005 against 1063); the reference row is run at 0.001 too. */
const DT = 0.005;

type Change = (program: QuantisedProgram) => QuantisedProgram;
interface Row {
  name: string;
  /** Heat, likeness, share above 0.8, as the table prints them. */
  table: [heat_kT: number, correlation: number, above08: number];
  change?: Change;
  dt?: number;
  noiseTemperature_ratio?: number;
}

const entry = ([heat_kT, correlation, above08]: Row['table']): TableEntry => ({
  heat_kT,
  correlation,
  above08,
  n: TABLE_RUNS,
});

/** Couplings rounded to `bits` with sign, full scale = the largest one; every level is a code of its own. */
function bits(count: number): Change {
  const levels = 2 ** (count - 1) - 1;
  return (program) => {
    const largest = program.couplingCode.reduce((most, code) => Math.max(most, Math.abs(code)), 0);
    return {
      ...program,
      couplingCode: program.couplingCode.map((code) => Math.round((code * levels) / largest)),
      scale: { ...program.scale, coupling_E0: (program.scale.coupling_E0 * largest) / levels },
    };
  };
}

/** New couplings from the old ones, in E0, quantised anew. */
function couplings(change: (J: number, random: () => number, rms: number) => number): Change {
  return (program) => {
    const model = dequantise(program);
    const { units } = model;
    const random = uniformFrom(784);
    const squares = model.couplings.reduce((sum, J) => sum + J * J, 0);
    const rms = Math.sqrt(squares / (units * (units - 1)));
    const J = new Float64Array(units * units);
    for (let i = 0; i < units; i++)
      for (let j = i + 1; j < units; j++)
        J[i * units + j] = J[j * units + i] = change(model.couplings[i * units + j], random, rms);
    return withRoom({ ...model, couplings: J });
  };
}
const multiplicative = (size: number): Change =>
  couplings((J, random) => J * (1 + size * normalFrom(random)()));
const additive = (size: number): Change =>
  couplings((J, random, rms) => J + size * rms * normalFrom(random)());

/** Codes with kT in the middle of its range, so that twice the noise temperature still has one. */
const withRoom = (model: Model): QuantisedProgram => quantise(model, undefined, { headroom_ratio: 1.2 });

const ROWS: Row[] = [
  { name: 'reference', table: [1063, 0.806, 0.7] },
  { name: 'gain_0.8', table: [309, 0.686, 0.17], change: (p) => withGain(p, 0.8) },
  { name: 'gain_0.9', table: [640, 0.772, 0.58], change: (p) => withGain(p, 0.9) },
  { name: 'gain_1.1', table: [1600, 0.819, 0.78], change: (p) => withGain(p, 1.1) },
  { name: 'gain_1.2', table: [2252, 0.831, 0.83], change: (p) => withGain(p, 1.2) },
  { name: 'kT_0.05', table: [1316, 0.848, 0.84], noiseTemperature_ratio: 0.5 },
  { name: 'kT_0.2', table: [603, 0.734, 0.34], noiseTemperature_ratio: 2 },
  { name: 'bits_8', table: [1081, 0.808, 0.72], change: bits(8) },
  { name: 'bits_5', table: [967, 0.802, 0.64], change: bits(5) },
  { name: 'bits_4', table: [806, 0.749, 0.42], change: bits(4) },
  { name: 'bits_3', table: [948, 0.623, 0.02], change: bits(3) },
  { name: 'bits_2', table: [1103, 0.611, 0], change: bits(2) },
  { name: 'multiplicative_0.3', table: [1058, 0.807, 0.72], change: multiplicative(0.3) },
  { name: 'multiplicative_1', table: [1074, 0.824, 0.73], change: multiplicative(1) },
  { name: 'additive_1', table: [1082, 0.808, 0.7], change: additive(1) },
  { name: 'additive_4', table: [1486, 0.78, 0.56], change: additive(4) },
  {
    name: 'missing_half',
    table: [24, 0.28, 0],
    change: couplings((J, random) => (random() < 0.5 ? 0 : J)),
  },
  { name: 'dt_0.001', table: [1063, 0.806, 0.7], dt: 0.001 },
  { name: 'dt_0.02', table: [1040, 0.805, 0.59], dt: 0.02 },
];

/**
 * On 6 bits the heat hangs on how the commonest coupling is rounded (41 % of the pairs, background to background, at 2.2 %
 * of the largest): 23, 25, 31, 46, 63 levels give 898, 1392, 1398, 1072, 1019 kT. The table does not say its rule, so this
 * row is held to double precision with the same couplings, and the table's figures do not decide.
 */
const SIX_BITS: Row & { dt: number } = { name: 'bits_6', table: [1138, 0.809, 0.66], dt: 0.01 };
const FLOAT64_RUNS = 48;

/** Heat is quoted in the kT of training and computed from the couplings that act. */
export async function digitRows(settings: Settings): Promise<Figure[]> {
  settings.say('digits, N = 784: training');
  const { model, prototypes } = trainModel({ tolerance: 1e-4 });
  const nominal = withRoom(model);
  const rows: Figure[] = [];
  for (const { name, table, change, dt = DT, noiseTemperature_ratio } of ROWS) {
    settings.say(`digits: ${name}`);
    const program = change ? change(nominal) : nominal;
    const run = await generate(
      program,
      [1],
      { samples: RUNS, seed: 109n, dt, noiseTemperature_ratio },
      settings,
    );
    rows.push(
      ...tableRows(`digits.${name}`, judgeRestarts(run, dequantise(program), prototypes, 1), entry(table)),
    );
  }
  rows.push(...(await sixBitRows(bits(6)(nominal), prototypes, settings)));
  return rows;
}

async function sixBitRows(
  program: QuantisedProgram,
  prototypes: readonly Float64Array[],
  settings: Settings,
): Promise<Figure[]> {
  const { name, table, dt } = SIX_BITS;
  settings.say(`digits: ${name} against double precision`);
  const model = dequantise(program);
  const run = await generate(program, [1], { samples: RUNS, seed: 109n, dt }, settings);
  const answer = float64Restarts(model, { samples: FLOAT64_RUNS, seed: 111, dt, duration: DURATION });
  return float64Rows(
    `digits.${name}`,
    judgeRestarts(run, model, prototypes, 1),
    judgeRestarts(answer, model, prototypes, 1),
    entry(table),
  );
}
