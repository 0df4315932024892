// One full calibration of a twin in this process whose truth is known, and how far off each value is.
import { loadProfile } from '../../firmware-sim/chip/index.ts';
import { calibrationProcedures, knowledgeFrom, type ChipKnowledge } from '../../src/calibration/index.ts';
import { denseProgram } from '../../src/calibration/coupling/drive.ts';
import { emptyModel, quantise } from '../../src/physics/index.ts';
import { standingStill, truthOf } from '../../test/support/chip-truth.ts';
import { connectTwin } from '../../test/support/connected-twin.ts';
import { couplingTruth } from '../../test/support/coupling-truth.ts';
import { unwatched, zScores } from '../../test/support/calibration-known.ts';

/** Of one chip; ratios, but for what has a unit in its name. */
export interface Recovery {
  temperatureCommon: number;
  temperatureUnit_rms: number;
  gainCommon: number;
  /** Of the readout over 2 (its full scale in x), and of the force over 1 E0: the worse of the two. */
  offset_rms: number;
  j2: number;
  j4: number;
  mobility: number;
  readoutGain: number;
  map_rms: number;
  dead: { missed: number; falseAlarms: number };
  missing: { missed: number; falseAlarms: number };
  /** Of the temperatures of the units. */
  z: number[];
  device_s: number;
}

/** Coupling of the program that truth is told of, E0; its ratios do not depend on it. */
const COUPLING_E0 = 0.3;

/** `seed` draws the chip and the noise. */
export async function recover(name: string, units: number, seed: number): Promise<Recovery> {
  const profile = standingStill({ ...(await loadProfile(name)), seed });
  const twin = await connectTwin({ units, profile });
  const { device } = twin;
  try {
    const outcome = await calibrationProcedures.full.run(device, { seed: 1000 + seed }, unwatched());
    const known = knowledgeFrom({ full: outcome });
    const truth = truthOf(profile, units);
    const nodes = outcome.values['nodes'] as Record<string, { values: { perUnit: Record<string, unknown> } }>;
    const errors = outcome.stderr['nodes'] as typeof nodes;
    const z = zScores(
      nodes['noise-temperature'].values.perUnit['noiseTemperature_ratio'],
      errors['noise-temperature'].values.perUnit['noiseTemperature_ratio'],
      truth.noiseTemperature_ratio,
    );
    const broken = new Set([...truth.dead, ...truth.stuck]);
    const ok = Array.from({ length: units }, (_, i) => i).filter((i) => !broken.has(i));
    const off = (got: ArrayLike<number> | undefined, want: ArrayLike<number>): number[] =>
      ok.map((i) => (got?.[i] ?? NaN) - want[i]);
    const program = denseProgram(quantise(emptyModel(units)), COUPLING_E0, 1);
    const couplings = couplingTruth(profile, program);
    const temperature = off(known.noiseTemperature?.unit_ratio, truth.noiseTemperature_ratio);
    const planted = mean(ok.map((i) => truth.noiseTemperature_ratio[i]));
    return {
      temperatureCommon: Math.abs((known.noiseTemperature?.common_ratio ?? NaN) - planted),
      temperatureUnit_rms: rms(temperature),
      gainCommon: Math.abs((known.coupling?.common_ratio ?? NaN) / couplings.common_ratio - 1),
      offset_rms: Math.max(
        rms(off(known.readout?.offset_x, truth.readoutOffset_x)) / 2,
        rms(off(known.potential?.offset_E0, truth.offset_E0)),
      ),
      j2: Math.abs(mean(off(known.potential?.j2_ratio, truth.j2_ratio))),
      j4: Math.abs(mean(off(known.potential?.j4_ratio, truth.j4_ratio))),
      mobility: Math.abs((known.mobility?.common_ratio ?? NaN) - truth.mobility_ratio),
      readoutGain: Math.abs(mean(off(known.readout?.gain_ratio, truth.readoutGain_ratio))),
      map_rms: mapError(known, couplings.ratio, ok, units),
      dead: compare(known.mask?.dead ?? [], truth.dead),
      missing: compare(
        (known.mask?.missing ?? []).map(String),
        couplings.missing.filter((pair) => pair.every((unit) => !broken.has(unit))).map(String),
      ),
      z,
      device_s: outcome.values['planned_s'] as number,
    };
  } finally {
    await twin.close();
  }
}

/** Of each coupling, the mean of both directions, among units that work. */
function mapError(
  { coupling }: ChipKnowledge,
  truth: Float64Array,
  ok: readonly number[],
  units: number,
): number {
  const map = coupling?.map_ratio ?? null;
  if (coupling === null || map === null) return NaN;
  const errors = ok.flatMap((i) =>
    ok
      .filter((j) => j > i)
      .map((j) => {
        const [up, down] = [i * units + j, j * units + i];
        return ((map[up] + map[down]) * coupling.common_ratio - truth[up] - truth[down]) / 2;
      })
      .filter((error) => !Number.isNaN(error)),
  );
  return rms(errors);
}

function compare<T>(found: readonly T[], planted: readonly T[]): { missed: number; falseAlarms: number } {
  return {
    missed: planted.filter((each) => !found.includes(each)).length,
    falseAlarms: found.filter((each) => !planted.includes(each)).length,
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
const rms = (values: readonly number[]): number => Math.sqrt(mean(values.map((v) => v * v)));
