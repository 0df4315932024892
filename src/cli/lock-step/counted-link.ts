// Counts the bytes of the link at both ends, so that time can stand still while some are under way.
import type { Controller } from '../../../firmware-sim/firmware/index.ts';
import { hold } from '../../clock/clock.ts';
import type { VirtualClock } from '../../clock/virtual-clock.ts';
import type { Port } from '../../transports/index.ts';

/** All bytes that one end has written to the link and read from it. */
export interface LinkCount {
  sent_bytes: number;
  received_bytes: number;
}

export const noCount = (): LinkCount => ({ sent_bytes: 0, received_bytes: 0 });

/** The host's end. Opening it is real work that time waits for. */
export function countedPort(port: Port, count: LinkCount, clock: VirtualClock): Port {
  return {
    label: port.label,
    async open(signal) {
      const release = hold(clock);
      try {
        await port.open(signal);
      } finally {
        release();
      }
    },
    write(bytes) {
      count.sent_bytes += bytes.length;
      clock.touch();
      return port.write(bytes);
    },
    get queuedBytes() {
      return port.queuedBytes;
    },
    onData: (callback) =>
      port.onData((bytes) => {
        count.received_bytes += bytes.length;
        clock.touch();
        callback(bytes);
      }),
    onDrain: (callback) => port.onDrain(callback),
    onClosed: (callback) =>
      port.onClosed((why) => {
        clock.touch();
        callback(why);
      }),
    close: () => port.close(),
    ...(port.tap !== undefined && { tap: port.tap }),
  };
}

/** The device's end. While it is shut, what comes in waits: it was sent at a time that is still to come here. */
export class CountedController implements Controller {
  readonly count = noCount();
  readonly #controller: Controller;
  readonly #clock: VirtualClock;
  #shut = false;
  #waiting: (() => void)[] = [];

  constructor(controller: Controller, clock: VirtualClock) {
    this.#controller = controller;
    this.#clock = clock;
  }

  shut(): void {
    this.#shut = true;
  }

  open(): void {
    this.#shut = false;
    for (const event of this.#waiting.splice(0)) event();
  }

  attach(sink: Parameters<Controller['attach']>[0]): ReturnType<Controller['attach']> {
    const { count } = this;
    const attachment = this.#controller.attach({
      write: (bytes) => {
        count.sent_bytes += bytes.length;
        this.#clock.touch();
        return sink.write(bytes);
      },
      end: () => sink.end?.(),
    });
    return {
      receive: (bytes) => {
        count.received_bytes += bytes.length;
        if (!this.#shut) return this.#now(() => attachment.receive(bytes));
        const kept = Uint8Array.from(bytes);
        this.#waiting.push(() => this.#now(() => attachment.receive(kept)));
      },
      drained: () => attachment.drained(),
      detach: () => {
        if (this.#shut) this.#waiting.push(() => this.#now(() => attachment.detach()));
        else this.#now(() => attachment.detach());
      },
    };
  }

  close(): void {
    this.#waiting = [];
    this.#controller.close();
  }

  #now(event: () => void): void {
    this.#clock.touch();
    event();
  }
}
