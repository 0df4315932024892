// What is written into a chip so that it does what a model asks for, given what calibrations say of it. Pure: models in,
// models out; whoever loads them decides whether they may be corrected.
import type { Model } from '../physics/index.ts';
import type { ChipKnowledge, CouplingKnowledge } from './knowledge.ts';
import { knownFor } from './knowledge.ts';
import { shrunk } from './shrink.ts';

/** Programs keep this much room above their largest value, so that a correction fits (design, decision 3). */
export const CORRECTION_MAX_RATIO = 0.25;
const PAIRS_NAMED = 20;

export const correctionParts = [
  'coupling-gain',
  'coupling-map',
  'potential',
  'force-offset',
  'noise-temperature',
] as const;
export type CorrectionPart = (typeof correctionParts)[number];

/** JSON-safe. */
export interface CorrectionReport {
  applied: CorrectionPart[];
  /** Known, and yet not corrected. */
  refused: { part: CorrectionPart; reason: string }[];
  /** What a program is multiplied with: by how much the couplings and the noise temperature as a whole change. */
  coupling_ratio: number;
  noiseTemperature_ratio: number;
  /** Couplings and units whose own correction would pass the headroom; they get the common one alone. */
  leftPairs: { count: number; first: [number, number][] };
  leftUnits: number[];
}

export interface Correction {
  model: Model;
  /** For the run: kT to set over the kT of the model. The model keeps its own, which heat is counted in. */
  noiseTemperature_ratio: number;
  report: CorrectionReport;
}

export interface CorrectionOptions {
  /** Larger corrections are refused; default CORRECTION_MAX_RATIO. */
  headroom_ratio?: number;
}

/**
 * The model to program: couplings over their gain, common and own; biases less the constant force of each unit; J2 and J4 over
 * their ratios; the noise temperature over its common ratio. Values of many units are pulled towards their mean as far as their
 * errors ask for (shrink.ts). Not corrected, because a program has nothing to do it with: readout (a reader of the samples may,
 * docs/physics.md), noise temperatures of single units, mobility, what is dead, stuck or missing.
 */
export function correctModel(
  model: Model,
  known: ChipKnowledge,
  { headroom_ratio = CORRECTION_MAX_RATIO }: CorrectionOptions = {},
): Correction {
  const knowledge = knownFor(known, model.units);
  const report: CorrectionReport = {
    applied: [],
    refused: [],
    coupling_ratio: 1,
    noiseTemperature_ratio: 1,
    leftPairs: { count: 0, first: [] },
    leftUnits: [],
  };
  const at = { model, knowledge, report, headroom_ratio };
  const couplings = correctCouplings(at);
  const { j2, j4, biases } = correctUnits(at);
  report.noiseTemperature_ratio = correctNoise(at);
  return {
    model: { ...model, couplings, biases, j2, j4 },
    noiseTemperature_ratio: report.noiseTemperature_ratio,
    report,
  };
}

/** Whether anything is known that a program can be corrected for. */
export function canCorrect({ coupling, potential, noiseTemperature }: ChipKnowledge): boolean {
  return coupling !== null || potential !== null || noiseTemperature !== null;
}

interface At {
  model: Model;
  knowledge: ChipKnowledge;
  report: CorrectionReport;
  headroom_ratio: number;
}

const inReach = (factor: number, headroom_ratio: number): boolean =>
  factor > 0 && Math.abs(factor - 1) <= headroom_ratio;

function correctCouplings({ model, knowledge, report, headroom_ratio }: At): Float64Array {
  const { coupling, mask } = knowledge;
  if (coupling === null) return model.couplings;
  const common = 1 / coupling.common_ratio;
  if (!inReach(common, headroom_ratio)) {
    report.refused.push({ part: 'coupling-gain', reason: beyond('the couplings', common, headroom_ratio) });
    return model.couplings;
  }
  report.applied.push('coupling-gain');
  report.coupling_ratio = common;
  const { units } = model;
  const own = ownRatios(coupling, units);
  if (own !== null) report.applied.push('coupling-map');
  const absent = new Set(mask?.missing.map(([i, j]) => i * units + j));
  const couplings = new Float64Array(units * units);
  for (let i = 0, at = 0; i < units; i++)
    for (let j = i + 1; j < units; j++, at++) {
      let factor = common / (own?.[at] ?? 1);
      if (!inReach(factor, headroom_ratio)) {
        if (!absent.has(i * units + j)) leave(report, i, j);
        factor = common;
      }
      const value = model.couplings[i * units + j] * factor;
      couplings[i * units + j] = couplings[j * units + i] = value;
    }
  return couplings;
}

/** Of the pairs i < j, row by row. Both directions have one code: their mean is what can be set right. */
function ownRatios(
  { map_ratio: map, mapStderr_ratio: stderr }: CouplingKnowledge,
  units: number,
): Float64Array | null {
  if (map === null) return null;
  const values = new Float64Array((units * (units - 1)) / 2);
  const errors = new Float64Array(values.length);
  for (let i = 0, at = 0; i < units; i++)
    for (let j = i + 1; j < units; j++, at++) {
      const [up, down] = [i * units + j, j * units + i];
      values[at] = (map[up] + map[down]) / 2;
      errors[at] = stderr ? Math.hypot(stderr[up], stderr[down]) / 2 : 0;
    }
  return shrunk(values, errors);
}

function leave({ leftPairs }: CorrectionReport, i: number, j: number): void {
  leftPairs.count += 1;
  if (leftPairs.first.length < PAIRS_NAMED) leftPairs.first.push([i, j]);
}

function correctUnits({ model, knowledge, report, headroom_ratio }: At): Pick<Model, 'j2' | 'j4' | 'biases'> {
  const { potential } = knowledge;
  if (potential === null) return model;
  report.applied.push('potential', 'force-offset');
  const j2_ratio = shrunk(potential.j2_ratio, potential.stderr.j2_ratio);
  const j4_ratio = shrunk(potential.j4_ratio, potential.stderr.j4_ratio);
  const offset_E0 = shrunk(potential.offset_E0, potential.stderr.offset_E0);
  const j2 = model.j2.slice();
  const j4 = model.j4.slice();
  for (let i = 0; i < model.units; i++) {
    const [two, four] = [1 / j2_ratio[i], 1 / j4_ratio[i]];
    if (inReach(two, headroom_ratio) && inReach(four, headroom_ratio)) {
      j2[i] *= two;
      j4[i] *= four;
    } else report.leftUnits.push(i);
  }
  return { j2, j4, biases: model.biases.map((bias, i) => bias - offset_E0[i]) };
}

function correctNoise({ knowledge, report, headroom_ratio }: At): number {
  const { noiseTemperature } = knowledge;
  if (noiseTemperature === null) return 1;
  const factor = 1 / noiseTemperature.common_ratio;
  if (!inReach(factor, headroom_ratio)) {
    const reason = beyond('the noise temperature', factor, headroom_ratio);
    report.refused.push({ part: 'noise-temperature', reason });
    return 1;
  }
  report.applied.push('noise-temperature');
  return factor;
}

function beyond(what: string, factor: number, headroom_ratio: number): string {
  return (
    `${what} would have to be set to ${factor.toPrecision(4)} of what is asked for; ` +
    `allowed are ${1 - headroom_ratio} to ${1 + headroom_ratio}: look at the chip instead`
  );
}
