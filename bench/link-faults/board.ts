// The device of the fault campaign: the real firmware of the twin on a clock that jumps, with a core whose codes follow
// from program, seed and indices alone, so that one wrong byte shows. It can lose power.
import type { AnalogCore } from '../../firmware-sim/chip/index.ts';
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
import { DeterministicCore } from './deterministic-core.ts';

export const UNITS = 64;
/** Small buffers, so that a small image and a short run go through every window many times. */
const LIMITS = {
  ...twinLimits(UNITS),
  maxPayload: 632,
  chunkBytes: 96,
  loadWindowBytes: 960,
  sampleRingBytes: 8 * 1024,
};

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
    this.#core = new DeterministicCore(clock, UNITS);
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
