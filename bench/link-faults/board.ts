// The device of the fault campaign: the real firmware of the twin on a clock that jumps, with a core whose codes follow
// from program, seed and indices alone, so that one wrong byte shows. It can lose power.
import type { AnalogCore, CoreProgram, CoreRun } from '../../firmware-sim/chip/index.ts';
import {
  createController,
  twinCapabilities,
  twinLimits,
  type Attachment,
  type Controller,
} from '../../firmware-sim/firmware/index.ts';
import type { Clock } from '../../src/clock/clock.ts';
import type { Port } from '../../src/transports/index.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';

export const UNITS = 64;
/** Time of one batch of samples; runs take long enough to be stopped. */
const BATCH_MS = 2;
/** Small buffers, so that a small image and a short run go through every window many times. */
const LIMITS = {
  ...twinLimits(UNITS),
  maxPayload: 632,
  chunkBytes: 96,
  loadWindowBytes: 960,
  sampleRingBytes: 8 * 1024,
};

class DeterministicCore implements AnalogCore {
  readonly unitsMax = UNITS;
  readonly #clock: Clock;
  #program: CoreProgram | null = null;
  #mix = 0;

  constructor(clock: Clock) {
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

export class Board {
  readonly #clock: Clock;
  readonly #core: AnalogCore;
  readonly #seed: number;
  #boots = 0;
  #controller!: Controller;
  /** The cables that stand; they outlive a boot, as USB bridges do. */
  readonly #cables: { port: Port; attachment: Attachment }[] = [];

  constructor(clock: Clock, seed: number) {
    this.#clock = clock;
    this.#seed = seed;
    this.#core = new DeterministicCore(clock);
    this.#boot();
  }

  #boot(): void {
    this.#boots += 1;
    this.#controller = createController({
      core: this.#core,
      clock: this.#clock,
      random32: seededRandom32(this.#seed * 64 + this.#boots),
      drawSeed: () => 1n,
      identity: {
        uid: Uint8Array.of(1, 2),
        firmwareVersion: 'bench',
        firmwareGit: new Uint8Array(0),
        simulated: true,
      },
      capabilities: twinCapabilities(UNITS),
      limits: LIMITS,
    });
  }

  /** Joins the far end of a cable; `tap` sees each piece that the device receives. */
  plug(port: Port, tap: (bytes: Uint8Array) => void = () => undefined): void {
    const cable = { port, attachment: this.#attach(port) };
    this.#cables.push(cable);
    port.onData((bytes) => {
      tap(bytes);
      cable.attachment.receive(bytes);
    });
    port.onDrain(() => cable.attachment.drained());
    port.onClosed(() => {
      cable.attachment.detach();
      this.#cables.splice(this.#cables.indexOf(cable), 1);
    });
  }

  #attach(port: Port): Attachment {
    return this.#controller.attach({
      write: (bytes) => port.write(bytes),
      end: () => void port.close(),
    });
  }

  /** Power goes and comes: everything volatile is lost, the cables stay. */
  reboot(): void {
    this.#controller.close();
    this.#boot();
    for (const cable of this.#cables) cable.attachment = this.#attach(cable.port);
  }

  close(): void {
    this.#controller.close();
  }
}
