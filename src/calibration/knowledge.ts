// What the active calibrations of a chip say of it, in the form that procedures, programs and mitigation take it: plain
// arrays over the programmed ideal. Null is "not known"; whoever needs it then assumes the ideal, and says so.
import type { Json, JsonObject } from './json.ts';

export const calibrationKinds = [
  'readout-offset',
  'readout-gain',
  'noise-temperature',
  'potential',
  'mobility',
  'coupling-gain',
  'coupling-map',
  'mask',
  'full',
] as const;
export type CalibrationKind = (typeof calibrationKinds)[number];

/** code * stateScale = gain * x + offset + noise, where the units live. */
export interface ReadoutKnowledge {
  gain_ratio: Float64Array;
  offset_x: Float64Array;
  /** Rms of a single read, without the rounding to codes. */
  noise_x: Float64Array;
  /** Standard errors of the gains; 0 where the gain is only assumed. */
  gainStderr_ratio: Float64Array;
  /** Relative error that all gains may have in common (the reference's own); null: no reference, gains are taken as 1. */
  gainUncertainty_ratio: number | null;
}

export interface PotentialKnowledge {
  /** Actual over programmed. */
  j2_ratio: Float64Array;
  j4_ratio: Float64Array;
  /** The constant force on a unit is -offset. */
  offset_E0: Float64Array;
  /** Standard errors; those of J2 and J4 of a unit are correlated by `correlation`. */
  stderr: {
    j2_ratio: Float64Array;
    j4_ratio: Float64Array;
    offset_E0: Float64Array;
    correlation: Float64Array;
  };
}

export interface CouplingKnowledge {
  /** Actual over programmed, the same for all. */
  common_ratio: number;
  /** N x N row-major, row = the unit that is pushed: actual over programmed times the common ratio; 1 where nothing is known. */
  map_ratio: Float64Array | null;
  /** Standard errors of it, infinite where nothing is known; absent: none. */
  mapStderr_ratio?: Float64Array | null;
}

export interface ChipKnowledge {
  readout: ReadoutKnowledge | null;
  noiseTemperature: { common_ratio: number; unit_ratio: Float64Array } | null;
  potential: PotentialKnowledge | null;
  mobility: { common_ratio: number } | null;
  coupling: CouplingKnowledge | null;
  mask: { dead: number[]; stuck: number[]; missing: [number, number][] } | null;
}

/** A chip of which nothing is known. */
export const NOTHING_KNOWN: ChipKnowledge = {
  readout: null,
  noiseTemperature: null,
  potential: null,
  mobility: null,
  coupling: null,
  mask: null,
};

/** A stored result: the row's values and standard errors, and its blob where it has one. */
export interface MeasuredValues {
  values: JsonObject;
  stderr: JsonObject;
  blob?: Uint8Array;
  /** How long ago it was measured, and whether it was pinned: of two that say something of a kind, which one counts. */
  age_s?: number;
  pinned?: boolean;
}

/**
 * Which result counts for a kind: its own, or what a `full` one says of it if that is younger and the own one is not
 * pinned. Null: none.
 */
export function resultOf(
  results: Readonly<Partial<Record<CalibrationKind, MeasuredValues>>>,
  kind: CalibrationKind,
): MeasuredValues | null {
  const own = results[kind] ?? null;
  const node = results.full === undefined || kind === 'full' ? null : nodeOf(results.full, kind);
  if (own === null || node === null) return own ?? node;
  const isYounger = (node.age_s ?? Infinity) < (own.age_s ?? Infinity);
  return isYounger && own.pinned !== true ? node : own;
}

/** What the results say together. */
export function knowledgeFrom(
  results: Readonly<Partial<Record<CalibrationKind, MeasuredValues>>>,
): ChipKnowledge {
  const of = (kind: CalibrationKind): MeasuredValues | null => resultOf(results, kind);
  return {
    readout: readoutFrom(of('readout-offset'), of('readout-gain')),
    noiseTemperature: temperatureFrom(of('noise-temperature')),
    potential: potentialFrom(of('potential')),
    mobility: commonFrom(of('mobility'), 'mobility_ratio'),
    coupling: couplingFrom(of('coupling-gain'), of('coupling-map')),
    mask: maskFrom(of('mask')),
  };
}

/** The result of one node within a `full` one; null where it failed, or was skipped. */
function nodeOf(
  { values, stderr, blob, age_s }: MeasuredValues,
  kind: CalibrationKind,
): MeasuredValues | null {
  const node = objectOf(objectOf(values['nodes'])?.[kind]);
  const found = objectOf(node?.['values']);
  if ((node?.['state'] !== 'succeeded' && node?.['state'] !== 'kept') || found === null) return null;
  // What was kept is older than the calibration that kept it.
  const older_s = numberOf(node['age_s']) ?? 0;
  const errors = objectOf(objectOf(objectOf(stderr['nodes'])?.[kind])?.['values']) ?? {};
  const age = age_s === undefined ? {} : { age_s: age_s + older_s };
  return { values: found, stderr: errors, blob: kind === 'coupling-map' ? blob : undefined, ...age };
}

/**
 * The same for a program of `units` units: longer arrays are cut. What covers fewer units counts as not known, because
 * nothing was measured of the others.
 */
export function knownFor(known: ChipKnowledge, units: number): ChipKnowledge {
  const { readout, noiseTemperature, potential, coupling, mask } = known;
  const cut = (values: Float64Array): Float64Array => values.slice(0, units);
  const covers = (values: Float64Array): boolean => values.length >= units;
  return {
    ...known,
    readout:
      readout && covers(readout.gain_ratio)
        ? {
            gain_ratio: cut(readout.gain_ratio),
            offset_x: cut(readout.offset_x),
            noise_x: cut(readout.noise_x),
            gainStderr_ratio: cut(readout.gainStderr_ratio),
            gainUncertainty_ratio: readout.gainUncertainty_ratio,
          }
        : null,
    noiseTemperature:
      noiseTemperature && covers(noiseTemperature.unit_ratio)
        ? { ...noiseTemperature, unit_ratio: cut(noiseTemperature.unit_ratio) }
        : null,
    potential: potential && covers(potential.j2_ratio) ? cutPotential(potential, cut) : null,
    coupling: coupling && {
      ...coupling,
      map_ratio: cutMap(coupling.map_ratio, units),
      mapStderr_ratio: cutMap(coupling.mapStderr_ratio ?? null, units),
    },
    mask: mask && {
      dead: mask.dead.filter((unit) => unit < units),
      stuck: mask.stuck.filter((unit) => unit < units),
      missing: mask.missing.filter(([i, j]) => i < units && j < units),
    },
  };
}

function cutPotential(
  { j2_ratio, j4_ratio, offset_E0, stderr }: PotentialKnowledge,
  cut: (values: Float64Array) => Float64Array,
): PotentialKnowledge {
  return {
    j2_ratio: cut(j2_ratio),
    j4_ratio: cut(j4_ratio),
    offset_E0: cut(offset_E0),
    stderr: {
      j2_ratio: cut(stderr.j2_ratio),
      j4_ratio: cut(stderr.j4_ratio),
      offset_E0: cut(stderr.offset_E0),
      correlation: cut(stderr.correlation),
    },
  };
}

function cutMap(map: Float64Array | null, units: number): Float64Array | null {
  if (map === null) return null;
  const size = Math.round(Math.sqrt(map.length));
  if (size < units) return null;
  return Float64Array.from(
    { length: units * units },
    (_, k) => map[Math.floor(k / units) * size + (k % units)],
  );
}

function readoutFrom(offset: MeasuredValues | null, gain: MeasuredValues | null): ReadoutKnowledge | null {
  const offset_x = perUnit(offset?.values, 'offset_x', 0);
  const noise_x = perUnit(offset?.values, 'noise_x', 0);
  if (offset_x === null || noise_x === null) return null;
  const { length } = offset_x;
  const measured = perUnit(gain?.values, 'gain_ratio', 1);
  if (gain === null || measured?.length !== length)
    return {
      gain_ratio: new Float64Array(length).fill(1),
      offset_x,
      noise_x,
      gainStderr_ratio: new Float64Array(length),
      gainUncertainty_ratio: null,
    };
  return {
    gain_ratio: measured,
    offset_x,
    noise_x,
    gainStderr_ratio: perUnit(gain.stderr, 'gain_ratio', 0) ?? new Float64Array(length),
    gainUncertainty_ratio: numberOf(objectOf(gain.values['reference'])?.['uncertainty_ratio']),
  };
}

function temperatureFrom(measured: MeasuredValues | null): ChipKnowledge['noiseTemperature'] {
  const common_ratio = numberOf(measured?.values['noiseTemperature_ratio']);
  if (common_ratio === null) return null;
  const unit_ratio = perUnit(measured?.values, 'noiseTemperature_ratio', common_ratio);
  return unit_ratio && { common_ratio, unit_ratio };
}

function potentialFrom(measured: MeasuredValues | null): PotentialKnowledge | null {
  const common = (name: string): number => numberOf(measured?.values[name]) ?? 1;
  const j2_ratio = perUnit(measured?.values, 'j2_ratio', common('j2_ratio'));
  const j4_ratio = perUnit(measured?.values, 'j4_ratio', common('j4_ratio'));
  const offset_E0 = perUnit(measured?.values, 'offset_E0', 0);
  if (j2_ratio === null || j4_ratio === null || offset_E0 === null) return null;
  const error = (name: string): Float64Array =>
    perUnit(measured?.stderr, name, 0) ?? new Float64Array(j2_ratio.length);
  const correlation = perUnit(measured?.values, 'j2j4Correlation', 0) ?? new Float64Array(j2_ratio.length);
  const stderr = {
    j2_ratio: error('j2_ratio'),
    j4_ratio: error('j4_ratio'),
    offset_E0: error('offset_E0'),
    correlation,
  };
  return { j2_ratio, j4_ratio, offset_E0, stderr };
}

function commonFrom(measured: MeasuredValues | null, name: string): { common_ratio: number } | null {
  const common_ratio = numberOf(measured?.values[name]);
  return common_ratio === null ? null : { common_ratio };
}

function couplingFrom(gain: MeasuredValues | null, map: MeasuredValues | null): ChipKnowledge['coupling'] {
  const common_ratio = numberOf((gain ?? map)?.values['gain_ratio']);
  if (common_ratio === null) return null;
  if (map?.blob === undefined) return { common_ratio, map_ratio: null };
  const { blob } = map;
  return { common_ratio, map_ratio: mapFrom(blob, 0, 1), mapStderr_ratio: mapFrom(blob, 1, Infinity) };
}

/** One half of a blob of float32 [2][N][N]; a pair of which nothing could be said is NaN there, and `unknown` here. */
function mapFrom(blob: Uint8Array, half: 0 | 1, unknown: number): Float64Array | null {
  const size = Math.round(Math.sqrt(blob.length / 8));
  if (size < 1 || size * size * 8 !== blob.length) return null;
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  return Float64Array.from({ length: size * size }, (_, k) => {
    const value = view.getFloat32(4 * (half * size * size + k), true);
    return Number.isNaN(value) ? unknown : value;
  });
}

function maskFrom(measured: MeasuredValues | null): ChipKnowledge['mask'] {
  if (measured === null) return null;
  const list = (name: string): Json[] => {
    const value = measured.values[name];
    return Array.isArray(value) ? value : [];
  };
  const units = (name: string): number[] =>
    list(name).filter((unit): unit is number => typeof unit === 'number');
  const missing = list('missing').filter(
    (pair): pair is [number, number] =>
      Array.isArray(pair) && pair.length === 2 && pair.every((unit) => typeof unit === 'number'),
  );
  return { dead: units('dead'), stuck: units('stuck'), missing };
}

/** An array of `perUnit`; null entries (of a dead unit, say) become `fallback`. */
function perUnit(of: JsonObject | undefined, name: string, fallback: number): Float64Array | null {
  const values = objectOf(of?.['perUnit'])?.[name];
  if (!Array.isArray(values)) return null;
  return Float64Array.from(values, (value) => numberOf(value) ?? fallback);
}

function objectOf(value: Json | undefined): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
}

const numberOf = (value: Json | undefined): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;
