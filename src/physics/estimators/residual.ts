// How hot the noise is, from any run with a fast record: what each step does beyond the equation of motion is noise, and its
// variance the temperature (docs/physics.md, "Noise temperature out of equilibrium").
import { PhysicsError } from '../errors.ts';
import type { Model } from '../model.ts';
import { stateReader, type FastRecord, type StateReader } from './fast-record.ts';
import { BLOCK_TIME, checkBlocks, checkModelSize, checkSpacing } from './record-checks.ts';
import { StepEnd } from './step-end.ts';

export interface ResidualTemperature {
  /** Mean over units. */
  kT_E0: number;
  /** Scatter of independent blocks of the record, and the error of the mobility; that of J2, J4 and couplings is not in it. */
  stderr_E0: number;
  /** Of each unit, [units]. */
  unitKT_E0: Float64Array;
  unitStderr_E0: Float64Array;
  /** Mean over units of what the noise of the readout would have added, E0: taken off. */
  readout_E0: number;
  /** Blocks of steps that the error bars were taken from. */
  blocks: number;
}

export interface ResidualOptions {
  /** Of the chip, over the one that defines its time unit: kT is in proportion to its inverse. */
  mobility_ratio: number;
  /** Its relative standard error, which all units have in common. */
  mobilityStderr_ratio?: number;
  /** Where the readout's noise comes from: the record's readout, or neighbouring steps (default where it has none). */
  readoutNoise?: 'given' | 'estimated';
}

/** mu D V'' up to which the trapezoid of a step costs less than 0.5 % of kT: (mu D V'')^2 / 12. */
const STEP_CURVATURE_MAX = 0.24;

/**
 * Estimates kT from r = dx + mu D (G + G')/2, G = grad V at both ends of a step: <r^2> = 2 mu kT D + 2 sigma^2 and
 * <r r'> of neighbouring steps = -sigma^2, sigma the noise of a read (physics of the Onsager-Machlup action). Right in and
 * out of equilibrium. The noise in the forces, of second order in D, is taken off as well.
 * @param model couplings, J2, J4 and biases (with the force offset) as they act
 * @throws {PhysicsError} bad-argument: an unknown mobility, a coarse or short record, noise of the readout above what there is
 */
export function estimateResidualTemperature(
  record: FastRecord,
  model: Model,
  options: ResidualOptions,
): ResidualTemperature {
  const reader = stateReader(record);
  checkArguments(record, model, options);
  const given = (options.readoutNoise ?? (record.readout ? 'given' : 'estimated')) === 'given';
  const sums = blockSums(record, reader, model, options.mobility_ratio);
  checkSpacing(
    record,
    model,
    sums.square_x2,
    STEP_CURVATURE_MAX / options.mobility_ratio,
    'take the force within a step for noise',
  );
  const blocks = sums.square.length;
  checkBlocks(blocks);
  const noise_x2 = given ? reader.variance_x2 : meanOverBlocks(sums.product).map((v) => Math.max(0, -v));
  const noise = readoutInSteps(record, model, sums.square_x2, noise_x2, options.mobility_ratio);
  const values = sums.square.map((square, block) =>
    square.map((v, i) => (given ? v - noise.all[i] : v + 2 * sums.product[block][i] - noise.inForces[i])),
  );
  return summary(values, noise.all, 2 * options.mobility_ratio * record.spacing, options);
}

function summary(
  values: Float64Array[],
  readout: Float64Array,
  perKT: number,
  { mobilityStderr_ratio = 0 }: ResidualOptions,
): ResidualTemperature {
  const blocks = values.length;
  const common = values.map((block) => average(block) / perKT);
  const kT_E0 = average(common);
  const unitKT_E0 = meanOverBlocks(values).map((v) => v / perKT);
  const readout_E0 = average(readout) / perKT;
  if (!(kT_E0 > 0))
    throw new PhysicsError('bad-argument', 'the noise of the readout is all there is in the steps', {
      pointer: '/readout/noise_x',
      allowed: 'a noise of the readout below the motion of a unit within a step, or reads further apart',
    });
  const withMobility = (square: number, kT: number): number =>
    Math.sqrt(square / (blocks * (blocks - 1)) + (kT * mobilityStderr_ratio) ** 2);
  const unitStderr_E0 = unitKT_E0.map((kT, i) =>
    withMobility(
      values.reduce((sum, block) => sum + (block[i] / perKT - kT) ** 2, 0),
      kT,
    ),
  );
  const scatter = common.reduce((sum, v) => sum + (v - kT_E0) ** 2, 0);
  return {
    kT_E0,
    stderr_E0: withMobility(scatter, kT_E0),
    unitKT_E0,
    unitStderr_E0,
    readout_E0,
    blocks,
  };
}

interface BlockSums {
  /** Per block and unit: mean of r^2, and mean of r times the r of the next step; x^2. */
  square: Float64Array[];
  product: Float64Array[];
  /** Mean <x^2> over everything, x^2. */
  square_x2: number;
}

/** Blocks are of equal length; steps left over at the end of a sample are not used. */
function blockSums(record: FastRecord, reader: StateReader, model: Model, mobility_ratio: number): BlockSums {
  const { samples, reads, units, spacing } = record;
  const blockSteps = Math.max(2, Math.min(reads - 1, Math.round(BLOCK_TIME / spacing)));
  const used = Math.floor((reads - 1) / blockSteps) * blockSteps;
  const sums: BlockSums = { square: [], product: [], square_x2: 0 };
  let [now, next] = [new StepEnd(units), new StepEnd(units)];
  const before = new Float64Array(units);
  const half = (mobility_ratio * spacing) / 2;
  for (let sample = 0; sample < samples; sample++) {
    now.load(reader, model, sample, 0);
    for (let step = 0; step < used; step++) {
      const inBlock = step % blockSteps;
      if (inBlock === 0) {
        sums.square.push(new Float64Array(units));
        sums.product.push(new Float64Array(units));
      }
      const [square, product] = [sums.square[sums.square.length - 1], sums.product[sums.product.length - 1]];
      next.load(reader, model, sample, step + 1);
      for (let i = 0; i < units; i++) {
        const force = now.own[i] + next.own[i] + now.coupled[i] + next.coupled[i];
        const residual = next.x[i] - now.x[i] + half * force;
        square[i] += (residual * residual) / blockSteps;
        if (inBlock > 0) product[i] += (residual * before[i]) / (blockSteps - 1);
        before[i] = residual;
        sums.square_x2 += now.x[i] * now.x[i];
      }
      [now, next] = [next, now];
    }
  }
  sums.square_x2 /= samples * used * units;
  return sums;
}

/** What noise of reads adds to r^2, per unit: all of it, and what r^2 + 2 r r' leaves of it (that in the forces); x^2. */
function readoutInSteps(
  { spacing }: FastRecord,
  { units, couplings, j2, j4 }: Model,
  square_x2: number,
  noise_x2: Float64Array,
  mobility_ratio: number,
): { all: Float64Array; inForces: Float64Array } {
  const half2 = ((mobility_ratio * spacing) / 2) ** 2;
  const inForces = noise_x2.map((own_x2, i) => {
    let sum = (2 * j2[i] + 12 * j4[i] * square_x2) ** 2 * own_x2;
    for (let j = 0; j < units; j++) sum += couplings[i * units + j] ** 2 * noise_x2[j];
    return half2 * sum;
  });
  return { all: noise_x2.map((v, i) => 2 * v + 2 * inForces[i]), inForces: inForces.map((v) => 4 * v) };
}

function average(values: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k];
  return sum / values.length;
}

function meanOverBlocks(blocks: Float64Array[]): Float64Array {
  return blocks[0].map((_, i) => blocks.reduce((sum, block) => sum + block[i], 0) / blocks.length);
}

function checkArguments(record: FastRecord, model: Model, options: ResidualOptions): void {
  checkModelSize(record, model);
  const { mobility_ratio, mobilityStderr_ratio = 0 } = options;
  if (!(Number.isFinite(mobility_ratio) && mobility_ratio > 0))
    throw new PhysicsError('bad-argument', `a mobility of ${mobility_ratio} tells no temperature`, {
      pointer: '/mobility_ratio',
      allowed: 'above 0, as measured: calibrate the mobility first',
    });
  if (!(Number.isFinite(mobilityStderr_ratio) && mobilityStderr_ratio >= 0))
    throw new PhysicsError('bad-argument', `an error of the mobility of ${mobilityStderr_ratio}`, {
      pointer: '/mobilityStderr_ratio',
      allowed: '0 or above',
    });
  if (options.readoutNoise === 'given' && !record.readout)
    throw new PhysicsError('bad-argument', 'the record says nothing of its readout', {
      pointer: '/readout',
      allowed: 'the noise of each unit, or readoutNoise: estimated',
    });
}
