// Training: from pictures to couplings, in closed form.
export * from './train.ts';
export * from './training-set.ts';
export { trainInWorker } from './train-in-worker.ts';
export { solveCouplings, SOLVER_TOLERANCE, type SolveOptions, type Solution } from './solver.ts';
export { momentsOfData, noiseFreeMoments, type Moments, type MomentOptions } from './moments.ts';
export { denseWiring, hiddenLayerWiring, type Wiring } from './wiring.ts';
export { lowestEigenvalues } from './spectrum.ts';
export {
  meanPath,
  STANDARD_PROTOCOL,
  STANDARD_RESOLUTION,
  type MeanPath,
  type NoisingProtocol,
  type Resolution,
} from './fokker-planck.ts';
