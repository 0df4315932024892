// The noising process of one unit without its noise: the density of x under the field protocol of the training path, by an
// implicit finite-volume solve of the Fokker-Planck equation. Deterministic; replaces thousands of simulated replicas.

/** The noising protocol and the unit it acts on; reduced units (E0 = 1, time 1/(mu E0)). */
export interface NoisingProtocol {
  kT: number;
  j2: number;
  j4: number;
  /** t_f: the preparation under the full field and the training path take this long each. */
  duration: number;
  /** The field ramps down linearly and is 0 from this share of t_f on. */
  rampEnd_ratio: number;
}

/** The protocol of the method at its working point. */
export const STANDARD_PROTOCOL: NoisingProtocol = {
  kT: 0.1,
  j2: 1,
  j4: 1,
  duration: 2.5,
  rampEnd_ratio: 0.75,
};

/** How finely the density is resolved; the defaults are good to 1e-4 in every moment (tested by refinement). */
export interface Resolution {
  cells: number;
  /** Steps per t_f; a multiple of 4, so that the end of the ramp is a step. */
  steps: number;
}
export const STANDARD_RESOLUTION: Resolution = { cells: 400, steps: 500 };

/** Along the training path, at steps + 1 equally spaced times from 0 to t_f. */
export interface MeanPath {
  /** m(t) = <x>. */
  mean: Float64Array;
  /** <y>(t) = 2 m'(t)/mu - a(t) B: what J x + b has to predict (docs/physics.md, "Training"). */
  response: Float64Array;
  /** <x^2>(t). */
  meanSquare: Float64Array;
}

/** Density is followed to exp(-40) of its top. */
const CUT_kT = 40;
/** First steps of the preparation are backward Euler: Crank-Nicolson would ring on the point-like start. */
const DAMPED_STEPS = 8;

/** a(t)/B: 1 at the start, 0 from rampEnd_ratio t_f on. */
export function fieldShare(protocol: NoisingProtocol, time: number): number {
  return Math.max(0, 1 - time / (protocol.rampEnd_ratio * protocol.duration));
}

/**
 * Mean path of a unit whose image gives it the field B (E0): x = 0, t_f under the constant field, then the training path.
 */
export function meanPath(
  field: number,
  protocol: NoisingProtocol = STANDARD_PROTOCOL,
  resolution: Resolution = STANDARD_RESOLUTION,
): MeanPath {
  const { steps } = resolution;
  const dt = protocol.duration / steps;
  const grid = new DensityGrid(field, protocol, resolution.cells);
  grid.startAtZero();
  for (let k = 0; k < DAMPED_STEPS; k++) grid.step(dt / DAMPED_STEPS, field, 1);
  for (let k = 1; k < steps; k++) grid.step(dt, field, 0.5);
  const path: MeanPath = {
    mean: new Float64Array(steps + 1),
    response: new Float64Array(steps + 1),
    meanSquare: new Float64Array(steps + 1),
  };
  for (let k = 0; ; k++) {
    const b = field * fieldShare(protocol, k * dt);
    const { mean, meanSquare, slope } = grid.moments(b);
    path.mean[k] = mean;
    path.meanSquare[k] = meanSquare;
    path.response[k] = 2 * slope - b;
    if (k === steps) return path;
    grid.step(dt, field * fieldShare(protocol, (k + 0.5) * dt), 0.5);
  }
}

// Cells hop to their neighbours at rates (kT/h^2) exp(-dU/2kT): mass is conserved, and at rest the cells hold exactly
// exp(-U/kT). A field only multiplies all upward rates by exp(Bh/2kT) and divides the downward ones.
class DensityGrid {
  private readonly x: Float64Array;
  private readonly up: Float64Array;
  private readonly down: Float64Array;
  private readonly p: Float64Array;
  private readonly pivot: Float64Array;
  private readonly right: Float64Array;
  private readonly h: number;
  private readonly kT: number;

  constructor(field: number, protocol: NoisingProtocol, cells: number) {
    const { kT, j2, j4 } = protocol;
    const potential = (x: number): number => j2 * x * x + j4 * x ** 4;
    const low = -edge((x) => potential(x) + Math.min(0, field) * x, kT);
    const high = edge((x) => potential(x) - Math.max(0, field) * x, kT);
    this.kT = kT;
    // The start x = 0 is a cell centre.
    const h = (high - low) / cells;
    const below = Math.ceil(-low / h);
    this.h = h;
    this.x = Float64Array.from({ length: cells }, (_, i) => (i - below) * h);
    this.p = new Float64Array(cells);
    this.pivot = new Float64Array(cells);
    this.right = new Float64Array(cells);
    const rate = kT / (h * h);
    const fall = (i: number): number =>
      (potential((i + 1 - below) * h) - potential((i - below) * h)) / (2 * kT);
    this.up = Float64Array.from({ length: cells - 1 }, (_, i) => rate * Math.exp(-fall(i)));
    this.down = Float64Array.from({ length: cells - 1 }, (_, i) => rate * Math.exp(fall(i)));
  }

  startAtZero(): void {
    this.p[this.x.indexOf(0)] = 1;
  }

  // One step of the theta method, (1 - theta dt L) p' = (1 + (1 - theta) dt L) p, by one tridiagonal elimination.
  step(dt: number, field: number, theta: number): void {
    const { p, up, down, pivot, right } = this;
    const n = p.length;
    const boost = Math.exp((field * this.h) / (2 * this.kT));
    const implicit = theta * dt;
    const explicit = (1 - theta) * dt;
    let inflow = 0; // net flux through the left face
    for (let i = 0; i < n; i++) {
      const u = i < n - 1 ? up[i] * boost : 0;
      const flux = i < n - 1 ? u * p[i] - (down[i] / boost) * p[i + 1] : 0;
      const leave = u + (i > 0 ? down[i - 1] / boost : 0);
      let diagonal = 1 + implicit * leave;
      let value = p[i] + explicit * (inflow - flux);
      if (i > 0) {
        const ratio = (implicit * up[i - 1] * boost) / pivot[i - 1];
        diagonal -= (ratio * implicit * down[i - 1]) / boost;
        value += ratio * right[i - 1];
      }
      pivot[i] = diagonal;
      right[i] = value;
      inflow = flux;
    }
    p[n - 1] = right[n - 1] / pivot[n - 1];
    for (let i = n - 2; i >= 0; i--) p[i] = (right[i] + ((implicit * down[i]) / boost) * p[i + 1]) / pivot[i];
  }

  moments(field: number): { mean: number; meanSquare: number; slope: number } {
    const { p, x, up, down } = this;
    const boost = Math.exp((field * this.h) / (2 * this.kT));
    let [total, mean, meanSquare, slope] = [0, 0, 0, 0];
    for (let i = 0; i < p.length; i++) {
      total += p[i];
      mean += p[i] * x[i];
      meanSquare += p[i] * x[i] * x[i];
      if (i < up.length) slope += up[i] * boost * p[i] - (down[i] / boost) * p[i + 1];
    }
    return { mean: mean / total, meanSquare: meanSquare / total, slope: (slope * this.h) / total };
  }
}

// The x > 0 (of the mirrored potential for the lower end) where the potential is CUT_kT above its lowest value.
function edge(potential: (x: number) => number, kT: number): number {
  let lowest = 0;
  for (let x = 0; ; x += 0.01) {
    const value = potential(x);
    lowest = Math.min(lowest, value);
    if (value > lowest + CUT_kT * kT) return x;
  }
}
