// The arms of the bench `recovery`: one model on three chips that share their broken parts, with common random numbers.
import type { ChipProfile } from '../../firmware-sim/chip/index.ts';
import { chipProfileSchema } from '../../firmware-sim/chip/profile/index.ts';
import {
  calibrationProcedures,
  correctModel,
  knowledgeFrom,
  NOTHING_KNOWN,
  type CalibrationKind,
  type ChipKnowledge,
  type CorrectionReport,
  type MeasuredValues,
} from '../../src/calibration/index.ts';
import type { JsonObject } from '../../src/calibration/procedure.ts';
import type { Device } from '../../src/device/index.ts';
import { bestPrototype, quantise, type Model } from '../../src/physics/index.ts';
import { connectTwin } from '../../test/support/connected-twin.ts';

/** t_f, in reduced time. */
const DURATION = 2.5;
/** Samples of one run; more would fill memory, not statistics. */
const BATCH = 500;
const LIKE = 0.8;

export interface Arm {
  /** Likeness of each restart to the nearest prototype. */
  correlation: Float64Array;
  /** 1 where it is above 0.8. */
  isAbove: Uint8Array;
}

/** An ideal chip on which the same units are dead or stuck, and the same couplings missing. */
export function sameMask(profile: ChipProfile): ChipProfile {
  const { version, seed, units, couplings } = profile;
  return chipProfileSchema.parse({
    version,
    name: 'masked',
    seed,
    units,
    couplings: { missing: couplings.missing },
  });
}

/** The chip of the bench: its couplings 10 % weak, its noise 20 % hot, everything else as it is. */
export function astray(profile: ChipProfile): ChipProfile {
  const { couplings, noise } = profile;
  return {
    ...profile,
    couplings: { ...couplings, gain: { ...couplings.gain, common_ratio: -0.1 } },
    noise: { ...noise, temperature: { ...noise.temperature, common_ratio: 0.2 } },
  };
}

export interface GenerateOptions {
  model: Model;
  prototypes: readonly Float64Array[];
  samples: number;
  seed: bigint;
  /** Integration step, ns. */
  step_ns: number;
  /** What is known of the chip: programs are corrected for it, and the readout is taken off the samples. */
  known?: ChipKnowledge;
}

/** One arm on a chip of its own. */
export async function arm(profile: ChipProfile, options: GenerateOptions): Promise<Arm> {
  const chip = await connectTwin({ units: options.model.units, profile });
  try {
    return await generate(chip.device, options);
  } finally {
    await chip.close();
  }
}

export async function generate(device: Device, options: GenerateOptions): Promise<Arm> {
  const { model, prototypes, samples, seed, step_ns, known = NOTHING_KNOWN } = options;
  const corrected = correctModel(model, known);
  const { units } = model;
  const program = quantise(corrected.model, device.capabilities?.ranges);
  const duration_s = DURATION * (device.capabilities?.timeUnit_s ?? 1e-6);
  const out: Arm = { correlation: new Float64Array(samples), isAbove: new Uint8Array(samples) };
  const x = new Float64Array(units);
  const { readout } = known;
  for (let first = 0; first < samples; first += BATCH) {
    const count = Math.min(BATCH, samples - first);
    const result = await device.relax({
      program,
      samples: count,
      duration_s,
      readAt_s: [duration_s],
      recordSwitchOn: false,
      noiseTemperature_ratio: corrected.noiseTemperature_ratio,
      seed: seed + BigInt(first),
      step_s: step_ns / 1e9,
    });
    for (let k = 0; k < count; k++) {
      for (let i = 0; i < units; i++) {
        const value = result.codes[k * units + i] * result.stateScale;
        x[i] = (value - (readout?.offset_x[i] ?? 0)) / (readout?.gain_ratio[i] ?? 1);
      }
      const { correlation } = bestPrototype(x, prototypes);
      out.correlation[first + k] = correlation;
      out.isAbove[first + k] = correlation > LIKE ? 1 : 0;
    }
  }
  return out;
}

export interface Calibrated {
  known: ChipKnowledge;
  report: CorrectionReport;
  /** Time of the chip, and of the device with uploads. */
  chip_s: number;
  duration_s: number;
}

/** Every kind in its order, each with what the ones before it found. */
export async function calibrate(
  device: Device,
  model: Model,
  kinds: readonly { kind: CalibrationKind; options?: JsonObject }[],
  say: (line: string) => void,
): Promise<Calibrated> {
  const results: Partial<Record<CalibrationKind, MeasuredValues>> = {};
  const sums = { chip_s: 0, duration_s: 0 };
  for (const [k, { kind, options }] of kinds.entries()) {
    const procedure = calibrationProcedures[kind];
    const outcome = await procedure.run(
      device,
      { ...options, seed: 1000 + k },
      { signal: new AbortController().signal, onProgress: () => undefined, known: knowledgeFrom(results) },
    );
    results[kind] = outcome;
    const facts = outcome.values['measurement'] as { device_s?: number; duration_s?: number };
    sums.chip_s += facts.device_s ?? 0;
    sums.duration_s += facts.duration_s ?? 0;
    say(`  ${kind}: done`);
  }
  const known = knowledgeFrom(results);
  return { known, report: correctModel(model, known).report, ...sums };
}
