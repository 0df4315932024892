// What a profile makes of a twin that stands still, in the terms of calibrations: the same draws as the chip makes, put
// together by the formulas of docs/twin.md and not by its code paths. Calibrations are held to it.
import { decay, DRAW, factors, offsets } from '../../firmware-sim/chip/imperfections/draws.ts';
import { driftValues, startDrift } from '../../firmware-sim/chip/imperfections/drift.ts';
import { brokenUnits } from '../../firmware-sim/chip/imperfections/units.ts';
import type { ChipProfile } from '../../firmware-sim/chip/index.ts';
import { noiseTemperatureFromSecondMoment } from '../../src/physics/index.ts';

export interface ChipTruth {
  /** Slope of the readout where the units live, the bow of the converter with it. */
  readoutGain_ratio: Float64Array;
  readoutOffset_x: Float64Array;
  readoutNoise_x: number;
  j2_ratio: Float64Array;
  j4_ratio: Float64Array;
  offset_E0: Float64Array;
  /** Of white noise that would give the same <x^2> without a field at the reference working point. */
  noiseTemperature_ratio: Float64Array;
  /** Of everything that happens, over the programmed pace. */
  mobility_ratio: number;
  dead: number[];
  stuck: number[];
}

/**
 * The same chip with its drift and its temperature standing still: what drifts is off by what it was at power on, and has
 * one value to be compared with.
 */
export function standingStill(profile: ChipProfile): ChipProfile {
  const { thermal, drift } = profile;
  const sensitivity = {
    ...thermal.sensitivity,
    couplingGain_ratio_per_C: 0,
    noiseTemperature_ratio_per_C: 0,
    offset_E0_per_C: 0,
  };
  return { ...profile, drift: { ...drift, shortest_s: 1e6 }, thermal: { ...thermal, sensitivity } };
}

/** @param units of the twin (its unitsMax), of which drift and broken units are drawn */
export function truthOf(profile: ChipProfile, units: number): ChipTruth {
  const { seed, readout, potential, noise, timing } = profile;
  const drift = driftValues(startDrift(profile.drift, seed, units), profile.drift, units);
  const { common_x, spread_x, seed: offsetSeed } = readout.offset;
  const force = potential.offset;
  const j2_ratio = factors(seed, potential.j2, DRAW.j2, units);
  const j4_ratio = factors(seed, potential.j4, DRAW.j4, units);
  const broken = brokenUnits(profile, units);
  const marked = (marks: Uint8Array): number[] => [...marks.keys()].filter((unit) => marks[unit] === 1);
  const dead = marked(broken.dead);
  return {
    readoutGain_ratio: factors(seed, readout.gain, DRAW.readoutGain, units).map(
      (gain, unit) =>
        gain *
        at(drift.readoutGain_ratio, unit) *
        decay(unit * readout.droop.rate_perMicrosecond * readout.droop.conversion_ns * 1e-3) *
        bowSlope(readout.adc.inl_codes),
    ),
    readoutOffset_x: offsets([seed, offsetSeed], DRAW.readoutOffset, units, common_x, spread_x).map(
      (offset, unit) => offset + (drift.readoutOffset_x[unit] ?? 0),
    ),
    readoutNoise_x: readout.noise.rms_x,
    j2_ratio,
    j4_ratio,
    offset_E0: offsets([seed, force.seed], DRAW.offset, units, force.common_E0, force.spread_E0).map(
      (offset, unit) => offset + (drift.offset_E0[unit] ?? 0),
    ),
    noiseTemperature_ratio: factors(
      seed,
      { ...noise.temperature, common_ratio: 0 },
      DRAW.noiseTemperature,
      units,
    ).map((factor, unit) => {
      const kT = 0.1 * factor * (1 + noise.temperature.common_ratio) * (1 + drift.noiseTemperature_ratio);
      const tau = noise.colour.correlation_ns * 1e-3;
      return coloured(kT, j2_ratio[unit], j4_ratio[unit], tau) / 0.1;
    }),
    mobility_ratio: 1 + timing.clock_ratio,
    dead,
    stuck: marked(broken.frozen).filter((unit) => !dead.includes(unit)),
  };
}

const at = (values: Float64Array, unit: number): number => 1 + (values[unit] ?? 0);

/** Of v + 4 inl u (1 - |u|), u = v/2048, over v, averaged over a unit's <x^2> at the working point (rms 207 codes). */
function bowSlope(inl_codes: number): number {
  const [rms_codes, meanCube] = [207, 1.57]; // <|x|^3> / <x^2>^(3/2) of the quartic unit
  return 1 + ((4 * inl_codes) / 2048) * (1 - (meanCube * rms_codes) / 2048);
}

/**
 * kT of white noise with the <x^2> that noise of correlation time tau gives: to first order its stationary density is
 * (1 + tau V'') exp(-(V + tau V'^2/2)/kT) (unified coloured-noise approximation; exact for J4 = 0).
 */
function coloured(kT: number, j2: number, j4: number, tau: number): number {
  if (tau === 0) return kT;
  let [z, x2] = [0, 0];
  for (let x = -2; x <= 2; x += 0.002) {
    const force = 2 * j2 * x + 4 * j4 * x ** 3;
    const curvature = 2 * j2 + 12 * j4 * x * x;
    const w = (1 + tau * curvature) * Math.exp(-(j2 * x * x + j4 * x ** 4 + (tau * force * force) / 2) / kT);
    z += w;
    x2 += w * x * x;
  }
  return noiseTemperatureFromSecondMoment(x2 / z, j2, j4);
}
