// 1/f drift: a sum of Ornstein-Uhlenbeck processes whose correlation times double from one to the next. Each is carried
// over any elapsed time by its exact law, y <- a y + sqrt(1 - a^2) g with a = exp(-elapsed / tau), so an idle day costs as
// much as a microsecond. The spectrum is 1/f between the longest and the shortest correlation time (equal variance in
// every octave).
import type { ChipProfile } from '../profile/schema.ts';
import { decay, DRAW, gaussians } from './draws.ts';

type DriftSettings = ChipProfile['drift'];

/** What drifts, in the order of the draws (`sub`). */
const QUANTITIES = [
  'couplingGain_ratio',
  'noiseTemperature_ratio',
  'readoutGain_ratio',
  'readoutOffset_x',
  'offset_E0',
] as const;
type Quantity = (typeof QUANTITIES)[number];
const COMMON: ReadonlySet<Quantity> = new Set(['couplingGain_ratio', 'noiseTemperature_ratio']);

/** Where all processes stand; a value, never changed in place. */
export interface DriftState {
  readonly time_s: number;
  /** Updates so far: numbers the draws. */
  readonly updates: number;
  /** [quantity][octave * members + member], unit variance; empty where a quantity does not drift. */
  readonly processes: readonly Float64Array[];
}

/** Deviations at one time; arrays have one value for each unit. */
export interface DriftValues {
  readonly couplingGain_ratio: number;
  readonly noiseTemperature_ratio: number;
  readonly readoutGain_ratio: Float64Array;
  readonly readoutOffset_x: Float64Array;
  readonly offset_E0: Float64Array;
}

const members = (quantity: Quantity, units: number): number => (COMMON.has(quantity) ? 1 : units);

/** Whether anything drifts. */
export function drifts(drift: DriftSettings): boolean {
  return QUANTITIES.some((quantity) => drift[quantity] > 0);
}

function fresh(drift: DriftSettings, profileSeed: number, units: number, update: number): Float64Array[] {
  const key = [profileSeed, drift.seed] as const;
  return QUANTITIES.map((quantity, sub) =>
    drift[quantity] > 0
      ? gaussians(key, DRAW.drift, members(quantity, units) * drift.octaves, sub, update)
      : new Float64Array(0),
  );
}

/** The stationary law at time 0: a chip has been drifting since long before. */
export function startDrift(drift: DriftSettings, profileSeed: number, units: number): DriftState {
  return { time_s: 0, updates: 0, processes: fresh(drift, profileSeed, units, 0) };
}

/** The state at a later time; the same state when no time has passed. Depends on the times it was asked for. */
export function advanceDrift(
  state: DriftState,
  drift: DriftSettings,
  profileSeed: number,
  units: number,
  time_s: number,
): DriftState {
  const elapsed_s = time_s - state.time_s;
  if (!(elapsed_s > 0)) return state;
  const updates = (state.updates + 1) >>> 0;
  const processes = fresh(drift, profileSeed, units, updates);
  const keep = octaveDecays(drift, elapsed_s);
  processes.forEach((next, at) => {
    const before = state.processes[at];
    const perOctave = next.length / drift.octaves;
    for (let k = 0; k < next.length; k++) {
      const a = keep[Math.floor(k / perOctave)];
      next[k] = a * before[k] + Math.sqrt(1 - a * a) * next[k];
    }
  });
  return { time_s, updates, processes };
}

function octaveDecays(drift: DriftSettings, elapsed_s: number): Float64Array {
  const keep = new Float64Array(drift.octaves);
  let tau_s = drift.shortest_s;
  for (let octave = 0; octave < drift.octaves; octave++, tau_s *= 2) keep[octave] = decay(elapsed_s / tau_s);
  return keep;
}

/** Sums the octaves: rms of the sum = the magnitude of the profile. */
export function driftValues(state: DriftState, drift: DriftSettings, units: number): DriftValues {
  const scale = 1 / Math.sqrt(drift.octaves);
  const sums = (quantity: Quantity): Float64Array => {
    const processes = state.processes[QUANTITIES.indexOf(quantity)];
    const out = new Float64Array(members(quantity, units));
    for (let k = 0; k < processes.length; k++) out[k % out.length] += drift[quantity] * scale * processes[k];
    return out;
  };
  return {
    couplingGain_ratio: sums('couplingGain_ratio')[0],
    noiseTemperature_ratio: sums('noiseTemperature_ratio')[0],
    readoutGain_ratio: sums('readoutGain_ratio'),
    readoutOffset_x: sums('readoutOffset_x'),
    offset_E0: sums('offset_E0'),
  };
}
