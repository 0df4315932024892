// One chip with its profile: draws its individual values once, and turns programs, schedules and states into what this
// chip makes of them. Pure but for the cached draws: the same arguments give the same result on every machine.
import type { CoreProgram } from '../analog-core.ts';
import type { EffectiveProgram } from '../effective-program.ts';
import type { ChipProfile } from '../profile/schema.ts';
import { dacsOf } from './converters.ts';
import type { Dacs } from './converters.ts';
import { effectiveCouplings } from './couplings.ts';
import type { EffectiveCouplings } from './couplings.ts';
import { DRAW, factors, offsets } from './draws.ts';
import type { DriftValues } from './drift.ts';
import { Readout } from './readout.ts';
import { brokenUnits, noiseColour } from './units.ts';
import type { BrokenUnits } from './units.ts';

const CODE_MAX = 2047;
const clamp = (value: number): number => Math.max(-CODE_MAX, Math.min(CODE_MAX, value));

export class ImperfectChip {
  readonly profile: ChipProfile;
  readonly readout: Readout;
  readonly #unitsMax: number;
  readonly #broken: BrokenUnits;
  readonly #j2: Float64Array;
  readonly #j4: Float64Array;
  readonly #offset_E0: Float64Array;
  readonly #temperature: Float64Array;
  readonly #biasDacs: Dacs | null;
  readonly #fieldDacs: Dacs | null;

  constructor(profile: ChipProfile, unitsMax: number) {
    const { seed, potential, noise, dac } = profile;
    this.profile = profile;
    this.#unitsMax = unitsMax;
    this.#broken = brokenUnits(profile, unitsMax);
    this.readout = new Readout(profile, unitsMax, this.#broken);
    this.#j2 = factors(seed, potential.j2, DRAW.j2, unitsMax);
    this.#j4 = factors(seed, potential.j4, DRAW.j4, unitsMax);
    const { common_E0, spread_E0, seed: offsetSeed } = potential.offset;
    this.#offset_E0 = offsets([seed, offsetSeed], DRAW.offset, unitsMax, common_E0, spread_E0);
    // The common error is an argument: it can be overridden.
    const individual = { ...noise.temperature, common_ratio: 0 };
    this.#temperature = factors(seed, individual, DRAW.noiseTemperature, unitsMax);
    this.#biasDacs = dacsOf(seed, dac.bias, DRAW.dacBias, unitsMax);
    this.#fieldDacs = dacsOf(seed, dac.field, DRAW.dacField, unitsMax);
  }

  /** Stuck bits, converters and individual couplings: the part that does not change between two loads. */
  couplings(program: CoreProgram): EffectiveCouplings {
    return effectiveCouplings(program.units, program.couplingCode, this.profile);
  }

  /**
   * What this chip makes of a program at one step and one state of its drift (null: none). The common error of the noise
   * temperature is not in it, the common drift is. Keeps the arrays it is given.
   */
  effective(
    program: CoreProgram,
    couplings: EffectiveCouplings,
    step_ns: number,
    drift: DriftValues | null,
  ): EffectiveProgram {
    const { units } = program;
    const take = (values: Float64Array): Float64Array => values.slice(0, units);
    const colour = noiseColour(this.profile, this.#unitsMax, step_ns);
    const gain = (1 + this.profile.couplings.gain.common_ratio) * (1 + (drift?.couplingGain_ratio ?? 0));
    const offset_E0 = take(this.#offset_E0);
    const noiseAmplitudeFactor = new Float64Array(units);
    for (let unit = 0; unit < units; unit++) {
      if (drift !== null) offset_E0[unit] += drift.offset_E0[unit];
      const temperature = this.#temperature[unit] * (1 + (drift?.noiseTemperature_ratio ?? 0));
      noiseAmplitudeFactor[unit] = Math.sqrt(temperature) * (colour?.amplitudeFactor[unit] ?? 1);
    }
    return {
      program,
      ...couplings,
      couplingFactor: new Float64Array(units).fill(gain),
      biasCode: this.#bias(program.biasCode),
      offset_E0,
      j2Code: program.j2Code,
      j4Code: program.j4Code,
      j2Factor: take(this.#j2),
      j4Factor: take(this.#j4),
      noiseAmplitudeFactor,
      noiseMemory_q15: colour?.memory_q15.slice(0, units) ?? new Int32Array(units),
      frozen: this.#broken.frozen.slice(0, units),
      frozenState: take(this.#broken.frozenState),
      field: (code) => ({ code, factor: this.#fieldFactors(code) }),
    };
  }

  #bias(codes: Int16Array): Float64Array {
    const dacs = this.#biasDacs;
    return Float64Array.from(codes, (code, unit) => (dacs === null ? code : clamp(dacs.value(unit, code))));
  }

  #fieldFactors(codes: Int16Array): Float64Array {
    const dacs = this.#fieldDacs;
    const gain = 1 + this.profile.dac.field.gain_ratio;
    return Float64Array.from(codes, (code, unit) =>
      dacs === null || code === 0 ? gain : (gain * dacs.value(unit, code)) / code,
    );
  }
}
