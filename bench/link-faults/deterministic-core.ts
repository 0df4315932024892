// An analog core without physics: its codes follow from program, seed and indices alone, so that one wrong byte shows,
// and cost nothing, so that a bench of the link measures the link.
import type { AnalogCore, CoreProgram, CoreRun } from '../../firmware-sim/chip/index.ts';
import type { Clock } from '../../src/clock/clock.ts';

/** Time of one batch of samples; runs take long enough to be stopped. */
const BATCH_MS = 2;

export class DeterministicCore implements AnalogCore {
  readonly unitsMax: number;
  readonly #clock: Clock;
  #program: CoreProgram | null = null;
  #mix = 0;

  constructor(clock: Clock, unitsMax: number) {
    this.unitsMax = unitsMax;
    this.#clock = clock;
  }

  load(program: CoreProgram): void {
    this.#program = program;
    this.#mix = 0;
    for (const code of program.couplingCode) this.#mix = (Math.imul(this.#mix, 31) + code) | 0;
    for (const code of program.biasCode) this.#mix = (Math.imul(this.#mix, 31) + code) | 0;
  }

  check(): void {
    return; // no physics, nothing to refuse
  }

  async run(run: CoreRun, signal?: AbortSignal): Promise<Int16Array> {
    await new Promise<void>((resolve) => this.#clock.after(BATCH_MS, resolve));
    signal?.throwIfAborted();
    const units = this.#program?.units ?? 0;
    const reads = run.phases.reduce((sum, phase) => sum + phase.readAtStep.length, 0);
    const first = run.firstSample * reads * units;
    const key = Number(run.seed & 0xffffn) ^ this.#mix;
    return Int16Array.from({ length: run.samples * reads * units }, (_, k) => code(key, first + k));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function code(key: number, index: number): number {
  const mixed = Math.imul(key ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b);
  return ((mixed ^ (mixed >>> 13)) & 0x7ff) - 1024;
}
