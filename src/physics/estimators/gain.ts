// How strongly the couplings act, from any run with a fast record: each step is held to the equation of motion with the
// couplings as programmed times an unknown gain (docs/physics.md, "Gain of the couplings").
import { PhysicsError } from '../errors.ts';
import type { Model } from '../model.ts';
import { stateReader, type FastRecord, type StateReader } from './fast-record.ts';
import { BLOCK_TIME, checkBlocks, checkModelSize, checkSpacing } from './record-checks.ts';
import { StepEnd } from './step-end.ts';

export interface GainEstimate {
  /** Couplings that act over couplings programmed. */
  gain_ratio: number;
  /** Of independent blocks of the record; what is not known of J2, J4 and the readout is not in it. */
  stderr_ratio: number;
  /** Sum of (J x)^2 over units, mean over the record, E0^2: what the estimate lives on. */
  signal_E02: number;
  /** Blocks of steps that the error bar was taken from. */
  blocks: number;
}

/** Beyond it the trapezoid of a step no longer follows the force within it. */
const CURVATURE_TIME_MAX = 0.5;

/**
 * Estimates g in dx = -mu (2 J2 x + 4 J4 x^3 + b + g J x) dt + noise. Right in and out of equilibrium: the couplings' force at
 * the beginning of a step knows nothing of the noise within it, so it serves as the instrument, and the trapezoid of both ends
 * stands for the mean force of the step. Readout noise is taken off (J_ii = 0 keeps it out of all terms but two).
 * @param model couplings as programmed; J2, J4 and biases (with the force offset) as they act
 * @param mobility_ratio of the chip, over the one that defines its time unit
 * @throws {PhysicsError} bad-argument: a coarse or short record, or couplings without effect in it
 */
export function estimateGain(
  record: FastRecord,
  model: Model,
  { mobility_ratio = 1 }: { mobility_ratio?: number } = {},
): GainEstimate {
  const reader = stateReader(record);
  checkModelSize(record, model);
  const sums = blockSums(record, reader, model, mobility_ratio);
  checkSpacing(record, model, sums.square_x2, CURVATURE_TIME_MAX, 'miss what happens in between');
  const push = sums.push.reduce((sum, v) => sum + v, 0);
  const signal = sums.signal.reduce((sum, v) => sum + v, 0);
  const blocks = sums.push.length;
  if (!(signal > 0))
    throw new PhysicsError('bad-argument', 'the couplings push nothing above the noise of the readout', {
      pointer: '/model/couplings',
      allowed: 'a program whose units move together, read while they do',
    });
  checkBlocks(blocks);
  const gain_ratio = -push / signal;
  let squares = 0;
  for (let k = 0; k < blocks; k++) squares += (sums.push[k] + gain_ratio * sums.signal[k]) ** 2;
  return {
    gain_ratio,
    stderr_ratio: Math.sqrt((squares * blocks) / (blocks - 1)) / signal,
    signal_E02: signal / (record.samples * (record.reads - 1)),
    blocks,
  };
}

interface BlockSums {
  /** Per block: sum of h . (dx/(mu D) + own forces), and sum of h . (mean h), h = J x at the beginning of each step. */
  push: number[];
  signal: number[];
  /** Mean <x^2>. */
  square_x2: number;
}

function blockSums(record: FastRecord, reader: StateReader, model: Model, mobility_ratio: number): BlockSums {
  const { samples, reads, units, spacing } = record;
  const blockSteps = Math.max(1, Math.min(reads - 1, Math.round(BLOCK_TIME / spacing)));
  const perStep = noiseInSignal(model, reader.variance_x2);
  const sums: BlockSums = { push: [], signal: [], square_x2: 0 };
  let [now, next] = [new StepEnd(units), new StepEnd(units)];
  for (let sample = 0; sample < samples; sample++) {
    now.load(reader, model, sample, 0);
    for (let step = 0; step < reads - 1; step++) {
      next.load(reader, model, sample, step + 1);
      const startsBlock = step % blockSteps === 0 && (step === 0 || reads - 1 - step >= blockSteps);
      if (startsBlock) {
        sums.push.push(0);
        sums.signal.push(0);
      }
      let [push, signal] = [0, -perStep];
      for (let i = 0; i < units; i++) {
        const drift = (next.x[i] - now.x[i]) / (mobility_ratio * spacing);
        push += now.coupled[i] * (drift + (now.own[i] + next.own[i]) / 2);
        signal += (now.coupled[i] * (now.coupled[i] + next.coupled[i])) / 2;
        sums.square_x2 += now.x[i] * now.x[i];
      }
      sums.push[sums.push.length - 1] += push;
      sums.signal[sums.signal.length - 1] += signal;
      [now, next] = [next, now];
    }
  }
  sums.square_x2 /= samples * (reads - 1) * units;
  return sums;
}

/** What the noise of one read adds to h . (h + h')/2: half of sum J_ij^2 sigma_j^2, as the reads of two times are independent. */
function noiseInSignal({ units, couplings }: Model, variance_x2: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < couplings.length; k++) sum += couplings[k] ** 2 * variance_x2[k % units];
  return sum / 2;
}
