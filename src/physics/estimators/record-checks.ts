// What every estimator asks of a fast record before it believes itself: the size of the model, the spacing of reads, and enough
// independent stretches for an error bar.
import { PhysicsError } from '../errors.ts';
import type { Model } from '../model.ts';
import type { FastRecord } from './fast-record.ts';

/** Stretches that an error bar is taken from: longer than the memory of a unit (0.41), so that they are independent. */
export const BLOCK_TIME = 1;
const BLOCKS_MIN = 20;

/** @throws {PhysicsError} bad-argument */
export function checkModelSize(record: Pick<FastRecord, 'units'>, model: Pick<Model, 'units'>): void {
  if (model.units === record.units) return;
  throw new PhysicsError('bad-argument', `a record of ${record.units} units, a model of ${model.units}`, {
    pointer: '/model/units',
    allowed: `${record.units} units`,
  });
}

/** @throws {PhysicsError} bad-argument */
export function checkBlocks(blocks: number): void {
  if (blocks >= BLOCKS_MIN) return;
  throw new PhysicsError('bad-argument', `${blocks} independent stretches of time give no error bar`, {
    pointer: '/codes',
    allowed: `${BLOCKS_MIN} stretches of ${BLOCK_TIME} time units or samples`,
  });
}

/**
 * Holds spacing times V'' of the stiffest unit (2 J2 + 12 J4 <x^2>, at least 1) to a limit.
 * @param square_x2 mean of x^2 over the record
 * @param curvatureTime_max what spacing times V'' may be; V'' in E0, time in 1/(mu E0)
 * @param missed what goes wrong beyond it, for the message
 * @throws {PhysicsError} bad-argument
 */
export function checkSpacing(
  { spacing }: Pick<FastRecord, 'spacing'>,
  { j2, j4 }: Pick<Model, 'j2' | 'j4'>,
  square_x2: number,
  curvatureTime_max: number,
  missed: string,
): void {
  const largest = (values: Float64Array): number => values.reduce((most, v) => Math.max(most, v), 0);
  const curvature = Math.max(1, 2 * largest(j2) + 12 * largest(j4) * square_x2);
  if (spacing * curvature <= curvatureTime_max) return;
  throw new PhysicsError('bad-argument', `reads ${spacing} time units apart ${missed}`, {
    pointer: '/spacing',
    allowed: { min: 0, max: curvatureTime_max / curvature },
  });
}
