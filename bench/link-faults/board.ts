// The device of the fault campaign: the real firmware of the twin on a clock that jumps, with a core whose codes follow
// from program, seed and indices alone, so that one wrong byte shows. It can lose power.
import type { Attachment, Controller } from '../../firmware-sim/firmware/index.ts';
import type { Clock } from '../../src/clock/clock.ts';
import type { Port } from '../../src/transports/index.ts';
import { benchController, SMALL_LIMITS, SMALL_UNITS } from './bench-controller.ts';
import { DeterministicCore } from './deterministic-core.ts';

export class Board {
  readonly #clock: Clock;
  readonly #core: DeterministicCore;
  readonly #seed: number;
  #boots = 0;
  #controller!: Controller;
  /** The cables that stand; they outlive a boot, as USB bridges do. */
  readonly #cables: { port: Port; attachment: Attachment }[] = [];

  constructor(clock: Clock, seed: number) {
    this.#clock = clock;
    this.#seed = seed;
    this.#core = new DeterministicCore(clock, SMALL_UNITS);
    this.#boot();
  }

  #boot(): void {
    this.#boots += 1;
    const boot = { seed: this.#seed, boot: this.#boots };
    this.#controller = benchController(this.#core, this.#clock, SMALL_LIMITS, boot);
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
