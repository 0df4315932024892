// The contract between the controller (firmware) and the analog core it drives. Everything crosses it in codes and
// scales, as it would on a board; the firmware never sees a float state, the core never sees a frame.

/** Physical value per code of each block of a program (energies in E0, state in x). */
export interface CoreScales {
  coupling_E0: number;
  bias_E0: number;
  field_E0: number;
  j2_E0: number;
  j4_E0: number;
  noiseTemperature_E0: number;
  state: number;
}

export interface CoreProgram {
  units: number;
  /** N(N-1)/2 signed 12-bit codes, pairs (i<j) row by row: (0,1), (0,2) ... (1,2) ... */
  couplingCode: Int16Array;
  biasCode: Int16Array;
  j2Code: Int16Array;
  j4Code: Int16Array;
  noiseTemperatureCode: number;
  scale: CoreScales;
}

export interface CorePhase {
  /** Integration steps, 1 or more. */
  steps: number;
  /** Whether J and b of the active program act; the on-site terms and the noise always do. */
  coupled: boolean;
  /**
   * A force, not an energy: dx/dt = ... + mu * a(t) * code * scale_E0 (physics.md, section 0: "constant force 2 s").
   * Codes of `units` length; a ramps linearly over the phase, in Q15 (32768 = 1.0, at most 1.0 in size). Null: none.
   */
  field: { code: Int16Array; scale_E0: number; from_q15: number; to_q15: number } | null;
  /** 1..4095 in the program's noise temperature scale. (The 0 of the wire, "as programmed", is the firmware's.) */
  noiseTemperatureCode: number;
  /** Ascending step counts in [0, steps] after which the state is read; 0 reads before the first step. */
  readAtStep: readonly number[];
}

/** Levels of the converter reference, in the order in which each sample reads them. */
export interface CoreReference {
  /** Channels 0 .. units - 1, whether or not a program is active. */
  units: number;
  level_x: readonly number[];
}

export interface CoreRun {
  seed: bigint;
  firstSample: number;
  samples: number;
  step_ns: number;
  /**
   * What the converter reads. 'flux' is x; 'voltage' is v / omega_0 of an oscillator cell on the same scale, before the
   * half kick of its moment (v - F dt / 2m). Both of one seed belong to the same paths. Absent: 'flux'.
   */
  readout?: 'flux' | 'voltage';
  phases: readonly CorePhase[];
  /** The converters read this instead of the units, which stand still; `phases` is empty. */
  reference?: CoreReference;
}

export type CoreRefusalReason =
  'headroom' | 'noise-underflow' | 'unstable-step' | 'bad-program' | 'bad-schedule';

/** A program or schedule that the core cannot represent, with the number and the limit. */
export class CoreRefusal extends Error {
  override readonly name = 'CoreRefusal';
  readonly reason: CoreRefusalReason;
  constructor(reason: CoreRefusalReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface AnalogCore {
  readonly unitsMax: number;
  /** Checks representability and makes the program the active one. Throws CoreRefusal. */
  load(program: CoreProgram): void;
  /** Checks a run without running it (stability of the step, noise amplitude). Throws CoreRefusal. */
  check(run: CoreRun): void;
  /**
   * Runs independent restarts from x = 0; resolves to readout codes, shape [samples][reads][units], signed 12 bit.
   * Sample k of a run depends on (program, schedule, seed, k) only: not on batches, threads or history.
   * One run at a time. Aborting the signal rejects with its reason within about 100 ms, the core idle again.
   */
  run(run: CoreRun, signal?: AbortSignal): Promise<Int16Array>;
  close(): Promise<void>;
}
