// What a profile does to programs, schedules and readout.
export { pairNumber, rounded } from './couplings.ts';
export type { EffectiveCouplings } from './couplings.ts';
export { advanceDrift, drifts, driftValues, startDrift } from './drift.ts';
export type { DriftState, DriftValues } from './drift.ts';
export { ImperfectChip } from './imperfect-chip.ts';
export { idealReference } from './readout.ts';
export type { ReadoutRun } from './readout.ts';
export { mistimed } from './timing.ts';
