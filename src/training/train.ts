// Training in one call: pictures -> noise-free moments -> masked solve -> a model with its metadata and checks.
import { equilibriumMoments, PhysicsError, type Model } from '../physics/index.ts';
import { STANDARD_PROTOCOL, STANDARD_RESOLUTION } from './fokker-planck.ts';
import { noiseFreeMoments, RANK_TOLERANCE } from './moments.ts';
import { solveCouplings, SOLVER_TOLERANCE } from './solver.ts';
import { lowestEigenvalues } from './spectrum.ts';
import { digits, glyphs, type TrainingSet } from './training-set.ts';
import { denseWiring, hiddenLayerWiring, type Wiring } from './wiring.ts';

export interface TrainingOptions {
  data?: 'digits' | 'glyphs';
  /** `visible`: all units are pixels, all pairs, all biases. `paper`: hidden units, no visible-visible bonds, hidden biases. */
  architecture?: 'visible' | 'paper';
  /** rho of the penalty rho |J|^2; 0 is right for noise-free moments. */
  ridge?: number;
  /** Relative residual of the solve. */
  tolerance?: number;
}

export interface TrainingProgress {
  stage: 'moments' | 'solve';
  /** 0..1 over the whole of the training; never falls. */
  share: number;
  /** Grey levels or iterations done. */
  done: number;
}

/** What a model must say of its origin (decisions.md 43). Energies in E0, times in 1/(mu E0). */
export type TrainingMetadata = {
  method: string;
  data: string;
  labels: string[];
  dataDigest_sha256: string;
  normalisation: string;
  width: number;
  height: number;
  visibleUnits: number;
  architecture: string;
  fieldAmplitude_E0: number;
  kT_E0: number;
  duration: number;
  rampEnd_ratio: number;
  dt: number;
  ridge: number;
  rank: number;
  rankTolerance: number;
  solverTolerance: number;
  solverIterations: number;
  solverResidual: number;
};

export interface TrainingResult {
  model: Model;
  metadata: TrainingMetadata;
  /** Normalised pictures; samples' visible units are compared with them. */
  prototypes: Float64Array[];
  set: TrainingSet;
  /** Lowest eigenvalues of J, ascending: one per picture, then the worst other mode. */
  eigenvalues_E0: number[];
  /** An uncoupled unit's thermal stiffness 2 J2 + 12 J4 <x^2>: modes of J below minus this grow. */
  stability_E0: number;
  coupling: { rms_E0: number; max_E0: number; bonds: number };
  /** Loss per step of dt = 0.001 against J = b = 0, in nats. */
  excessLossPerStep: number;
  /** Sentences a person should read; empty when all is well. */
  warnings: string[];
}

/** Field of a pixel of normalised value s: B = 2 s. */
const FIELD_AMPLITUDE_E0 = 2;
/** Hidden units of the paper (784 visible), and of the small reference (64 visible). */
const hiddenUnits = { digits: 512, glyphs: 32 } as const;
/** Step for which the loss is quoted. */
const QUOTED_DT = 1e-3;
/** Part of the progress bar that the moments take. */
const MOMENTS_SHARE = 0.2;

/**
 * Trains; deterministic. N = 784 takes a few seconds, the paper's architecture about four times as long.
 * @throws {PhysicsError} bad-argument, not-converged
 */
export function trainModel(
  options: TrainingOptions = {},
  onProgress: (progress: TrainingProgress) => void = () => {},
): TrainingResult {
  const set = options.data === 'glyphs' ? glyphs() : digits();
  const architecture = options.architecture ?? 'visible';
  const pixels = set.width * set.height;
  const wiring =
    architecture === 'paper' ? hiddenLayerWiring(pixels, hiddenUnits[set.name]) : denseWiring(pixels);
  const ridge = options.ridge ?? 0;
  const tolerance = options.tolerance ?? SOLVER_TOLERANCE;
  check('ridge', ridge, ridge >= 0 && Number.isFinite(ridge), 'a finite number of 0 or more');
  check('tolerance', tolerance, tolerance > 0 && tolerance < 1, 'a number between 0 and 1');
  const moments = noiseFreeMoments(fieldsOf(set, wiring.units), {
    onProgress: (done, all) => onProgress({ stage: 'moments', share: (MOMENTS_SHARE * done) / all, done }),
  });
  let share = MOMENTS_SHARE;
  const solution = solveCouplings(moments, wiring, {
    ridge,
    tolerance,
    onIteration: (done, residual) => {
      const solved = Math.min(1, Math.max(0, Math.log(residual) / Math.log(tolerance)));
      share = Math.max(share, MOMENTS_SHARE + (1 - MOMENTS_SHARE) * solved);
      onProgress({ stage: 'solve', share, done });
    },
  });
  const { kT, j2, j4, duration, rampEnd_ratio } = STANDARD_PROTOCOL;
  const model: Model = {
    units: wiring.units,
    couplings: solution.couplings,
    biases: solution.biases,
    j2: new Float64Array(wiring.units).fill(j2),
    j4: new Float64Array(wiring.units).fill(j4),
    noiseTemperature_E0: kT,
  };
  const eigenvalues_E0 = lowestEigenvalues(model.couplings, model.units, set.images.length + 1);
  const stability_E0 = 2 * j2 + 12 * j4 * equilibriumMoments(kT, j2, j4).x2;
  return {
    model,
    metadata: {
      method: 'closed form from noise-free moments (Fokker-Planck), masked conjugate gradients',
      data: set.name,
      labels: set.labels,
      dataDigest_sha256: set.digest,
      normalisation: set.normalisation,
      width: set.width,
      height: set.height,
      visibleUnits: wiring.visible,
      architecture,
      fieldAmplitude_E0: FIELD_AMPLITUDE_E0,
      kT_E0: kT,
      duration,
      rampEnd_ratio,
      dt: duration / STANDARD_RESOLUTION.steps,
      ridge,
      rank: moments.rank,
      rankTolerance: RANK_TOLERANCE,
      solverTolerance: tolerance,
      solverIterations: solution.iterations,
      solverResidual: solution.residual,
    },
    prototypes: set.images,
    set,
    eigenvalues_E0,
    stability_E0,
    coupling: couplingSize(model.couplings, wiring),
    excessLossPerStep: (QUOTED_DT / (4 * kT)) * solution.excessSquare,
    warnings: warningsOf(eigenvalues_E0, set.images.length, stability_E0),
  };
}

function check(name: string, value: number, valid: boolean, allowed: string): void {
  if (!valid) throw new PhysicsError('bad-argument', `${name} is ${value}`, { pointer: `/${name}`, allowed });
}

// Hidden unit h is driven like pixel h mod pixels.
function fieldsOf(set: TrainingSet, units: number): Float64Array[] {
  return set.images.map((image) =>
    Float64Array.from({ length: units }, (_, i) => {
      const pixel = i < image.length ? i : (i - image.length) % image.length;
      return FIELD_AMPLITUDE_E0 * image[pixel];
    }),
  );
}

function couplingSize(couplings: Float64Array, wiring: Wiring): TrainingResult['coupling'] {
  let [squares, max_E0] = [0, 0];
  for (const value of couplings) {
    squares += value * value;
    max_E0 = Math.max(max_E0, Math.abs(value));
  }
  const bonds = wiring.bonds.reduce((a, b) => a + b, 0);
  return { rms_E0: Math.sqrt(squares / (2 * bonds)), max_E0, bonds };
}

function warningsOf(eigenvalues: readonly number[], pictures: number, stability: number): string[] {
  const other = eigenvalues[pictures];
  if (other === undefined || other > -stability) return [];
  return [
    `a mode of J that belongs to no picture has eigenvalue ${other.toFixed(2)}, below -${stability.toFixed(2)}: ` +
      'it grows like a picture and spoils samples; train with a ridge of 0.02 to 0.1',
  ];
}
