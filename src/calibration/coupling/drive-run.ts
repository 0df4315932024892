// Carries a drive out on a device: as few runs as its phases and field slots allow, each pattern held until the units have
// settled and read once.
import { appliedForce_E0, type DeviceCapabilities, type RelaxResult } from '../../device/index.ts';
import type { QuantisedProgram } from '../../physics/index.ts';
import type { ChipKnowledge } from '../knowledge.ts';
import { onGrid_s, seedOfRun } from '../options.ts';
import type { CalibrationControl, JsonObject, MeasureDevice } from '../procedure.ts';
import { capabilitiesOf, readoutOf, sameChip } from '../runs.ts';
import { couplingsOf, type DriveForces } from './drive.ts';
import type { DrivenData } from './driven-data.ts';
import type { CouplingOptions } from './settings.ts';

/** Everything that one procedure drives, with one progress over all of it. */
export class Drives {
  readonly #device: MeasureDevice;
  readonly #control: CalibrationControl;
  readonly #known: ChipKnowledge;
  readonly #capabilities: DeviceCapabilities;
  readonly #results: Pick<RelaxResult, 'device'>[] = [];
  #programs = 0;
  #fields = 0;
  #runs = 0;
  #chip_s = 0;
  #device_s = 0;
  #done = 0;
  #total = 0;

  constructor(device: MeasureDevice, control: CalibrationControl, known: ChipKnowledge) {
    this.#device = device;
    this.#control = control;
    this.#known = known;
    this.#capabilities = capabilitiesOf(device);
  }

  /** All patterns of a drive, for the estimators. Rejects with DeviceError, and CalibrationError chip-changed. */
  async run(program: QuantisedProgram, forces: DriveForces, options: CouplingOptions): Promise<DrivenData> {
    const { units, patterns } = forces;
    const { samples } = options;
    const { phasesMax, fieldSlots } = this.#capabilities;
    const together = Math.max(1, Math.min(phasesMax, fieldSlots));
    this.#total += patterns * samples;
    const codes = new Int16Array(patterns * samples * units);
    const force_E0 = new Float64Array(patterns * units);
    for (let first = 0; first < patterns; first += together) {
      const count = Math.min(together, patterns - first);
      const fields = Array.from({ length: count }, (_, k) =>
        forces.force_E0.slice((first + k) * units, (first + k + 1) * units),
      );
      const result = await this.#measure(program, fields, options);
      fields.forEach((field, k) => {
        force_E0.set(appliedForce_E0(field, this.#capabilities.ranges), (first + k) * units);
        for (let s = 0; s < samples; s++) {
          const from = (s * count + k) * units;
          codes.set(result.codes.subarray(from, from + units), ((first + k) * samples + s) * units);
        }
      });
    }
    sameChip(this.#results);
    const readout = readoutOf(this.#known, units);
    const stateScale = program.scale.state;
    const couplings_E0 = couplingsOf(program);
    return { codes, patterns, samples, units, stateScale, force_E0, couplings_E0, readout };
  }

  /** Who answered; there is one after the first run. */
  get chip(): RelaxResult['device'] {
    return this.#results[0].device;
  }

  /** For the result: uploads, fields, runs, time of the chip, time with uploads and readout. */
  get facts(): JsonObject {
    return {
      programs: this.#programs,
      fields: this.#fields,
      runs: this.#runs,
      device_s: this.#chip_s,
      duration_s: this.#device_s,
    };
  }

  async #measure(
    program: QuantisedProgram,
    fields: Float64Array[],
    { samples, settle, step_s, seed }: CouplingOptions,
  ): Promise<RelaxResult> {
    const hold_s = onGrid_s(settle, step_s, this.#capabilities);
    const phases = fields.map((force_E0) => ({
      duration_s: hold_s,
      coupled: true,
      field: { force_E0 },
      readAt_s: [hold_s],
    }));
    const request = { program, samples, phases, step_s, seed: seedOfRun(seed, this.#runs) };
    const result = await this.#device.measure(request, { signal: this.#control.signal });
    this.#results.push({ device: result.device });
    this.#runs += 1;
    this.#fields += fields.length;
    this.#programs += result.timing.skippedUpload ? 0 : 1;
    this.#chip_s += samples * fields.length * hold_s;
    this.#device_s += result.timing.total_s;
    this.#done += samples * fields.length;
    this.#control.onProgress({ done: this.#done, total: this.#total });
    return result;
  }
}
