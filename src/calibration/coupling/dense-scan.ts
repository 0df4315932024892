// One dense program under enough forces to tell every coupling: what the map and the mask both begin with.
import type { QuantisedProgram } from '../../physics/index.ts';
import type { ChipKnowledge } from '../knowledge.ts';
import { denseCoupling_E0, denseProgram, driveForces, patternsFor } from './drive.ts';
import type { Drives } from './drive-run.ts';
import { fitMap } from './map-fit.ts';
import { Breath } from './matrix.ts';
import { pairRatios, type PairRatios } from './pair-ratios.ts';
import { patternMeans, type PatternMeans } from './pattern-means.ts';
import { fitRows, type RowFit } from './row-fit.ts';
import { noUsableUnits, notToldApart, presentCouplings, type CouplingOptions } from './settings.ts';
import { unitAnswers, type UnitAnswers } from './unit-answers.ts';

export interface DenseScan {
  answers: UnitAnswers;
  means: PatternMeans;
  rows: RowFit;
  ratios: PairRatios;
  patterns: number;
  coupling_E0: number;
}

/** Patterns that a dense scan needs for `least`, which the option asks for. */
export const scanPatterns = ({ units, patterns }: Pick<CouplingOptions, 'units' | 'patterns'>): number =>
  patternsFor(units, patterns);

/** @param seed of signs and forces @throws {CalibrationError} no-usable-units; rejections of the device pass through */
export async function denseScan(
  drives: Drives,
  base: QuantisedProgram,
  options: CouplingOptions,
  known: ChipKnowledge,
  seed: number,
): Promise<DenseScan> {
  const { units } = options;
  const coupling_E0 = denseCoupling_E0(units, options.rowForce_E0);
  const program = denseProgram(base, coupling_E0, seed);
  const patterns = scanPatterns(options);
  const data = await drives.run(program, driveForces(units, patterns, seed + 1), options);
  const answers = unitAnswers(data);
  if (answers.live.length < units / 2) throw noUsableUnits(answers.live.length, units);
  const breath = new Breath();
  const means = patternMeans(data, answers.live);
  const rows = await fitRows(means, presentCouplings(program, known), units, breath);
  const fit = await fitMap(means, rows, data.couplings_E0, units, breath);
  if (fit === null) throw notToldApart();
  const ratios = pairRatios(fit, rows, data.couplings_E0, { units, live: answers.live });
  return { answers, means, rows, ratios, patterns, coupling_E0 };
}
