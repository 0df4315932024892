// How the units of a chip move: overdamped, or as resonant cells. A property of the chip, not of a program.
// Circuit (docs/adr/0004): a cell is a capacitor C, a non-linear inductor, a loss resistor R and a source of current noise in
// parallel. Its flux is x, its voltage v = dx/dt, the current of the inductor is dV/dx:
//     dx = v dt,    m dv = -(grad V + gamma v) dt + sqrt(2 gamma kT) dW,    m ~ C, gamma ~ 1/R, 2 J2 ~ 1/L
// gamma = 1/mu = 1 is the unit of time, as for overdamped units; so m = Q / omega_0, and m -> 0 is the overdamped law.

export type CoreDynamics =
  | { readonly kind: 'overdamped' }
  | {
      readonly kind: 'oscillator';
      /** Q = R sqrt(C/L) of a cell at its resonance, above 0. */
      readonly qualityFactor: number;
      /** omega_0 / 2 pi where Q is meant; absent: the reference cell's, whose 2 J2 is 2 E0 (318.3 kHz / Q). */
      readonly resonance_Hz?: number;
    };

/** A cell in reduced units (E0 = mu = 1). */
export interface OscillatorCell {
  readonly qualityFactor: number;
  /** m of the equation above, in E0 (time unit)^2. */
  readonly mass: number;
  /** omega_0, per time unit. */
  readonly angularResonance: number;
}

/** Curvature 2 J2 of the reference cell, E0. */
const REFERENCE_CURVATURE_E0 = 2;
const TIME_UNIT_S = 1e-6;
const TWO_PI = 6.283185307179586;

/** Reduced parameters of a cell; null for overdamped units. Q = omega_0 m / gamma. */
export function oscillatorCell(dynamics: CoreDynamics): OscillatorCell | null {
  if (dynamics.kind === 'overdamped') return null;
  const { qualityFactor, resonance_Hz } = dynamics;
  const angularResonance =
    resonance_Hz === undefined ? REFERENCE_CURVATURE_E0 / qualityFactor : TWO_PI * resonance_Hz * TIME_UNIT_S;
  return { qualityFactor, mass: qualityFactor / angularResonance, angularResonance };
}

/** What is wrong with a choice of dynamics, or null. */
export function dynamicsFault(dynamics: CoreDynamics): string | null {
  if (dynamics.kind === 'overdamped') return null;
  const { qualityFactor, resonance_Hz } = dynamics;
  if (!(qualityFactor >= 1e-3 && qualityFactor <= 1e3)) {
    return `the quality factor is ${qualityFactor}; allowed are 0.001 to 1000`;
  }
  if (resonance_Hz !== undefined && !(resonance_Hz >= 1 && resonance_Hz <= 1e9)) {
    return `the resonance is ${resonance_Hz} Hz; allowed are 1 to 1e9`;
  }
  return null;
}

/** How a firmware version names the dynamics, in at most 20 characters; empty for overdamped units. */
export function dynamicsName(dynamics: CoreDynamics): string {
  if (dynamics.kind === 'overdamped') return '';
  return `oscillator-q${Number(dynamics.qualityFactor.toPrecision(4))}`;
}
