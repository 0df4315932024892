// A wrapper around any port whose line fails in chosen ways: for tests and benches, and for a service that shall be
// seen to cope. Nothing above a port can tell it from a bad cable.
import type { Clock } from '../../clock/clock.ts';
import { PortEvents } from '../port-events.ts';
import type { Port, PortCloseReason } from '../port.ts';
import type { ChaosFaults } from './faults.ts';
import { ChaosLane } from './lane.ts';
import { uniformFrom } from './random.ts';

export interface ChaosOptions {
  faults: ChaosFaults;
  /** The same seed and the same bytes give the same faults. */
  seed: number;
  clock: Clock;
}

const HIGH_WATER_MARK_BYTES = 64 * 1024;

export class ChaosPort implements Port {
  readonly label: string;
  readonly #inner: Port;
  readonly #events = new PortEvents();
  readonly #out: ChaosLane;
  readonly #in: ChaosLane;
  #innerIsFull = false;
  #waitingForDrain = false;

  constructor(inner: Port, { faults, seed, clock }: ChaosOptions) {
    this.#inner = inner;
    this.label = `chaos+${inner.label}`;
    const cut = (): void => this.#cut();
    this.#out = new ChaosLane({
      clock,
      cut,
      faults: faults.out,
      uniform: uniformFrom(seed * 2),
      deliver: (bytes) => {
        if (!this.#inner.write(bytes)) this.#innerIsFull = true;
      },
      emptied: () => this.#drain(),
    });
    this.#in = new ChaosLane({
      clock,
      cut,
      faults: faults.in,
      uniform: uniformFrom(seed * 2 + 1),
      deliver: (bytes) => this.#events.data(bytes),
      emptied: () => undefined,
    });
    inner.onData((bytes) => this.#in.push(bytes));
    inner.onDrain(() => {
      this.#innerIsFull = false;
      this.#drain();
    });
    inner.onClosed((why) => this.#closed(why));
  }

  async open(signal: AbortSignal): Promise<void> {
    // Before the inner port can speak or close, which it may do within its open().
    this.#events.phase = 'open';
    try {
      await this.#inner.open(signal);
    } catch (error) {
      this.#events.phase = 'closed';
      throw error;
    }
  }

  get queuedBytes(): number {
    return this.#inner.queuedBytes + this.#out.heldBytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#events.phase !== 'open') return false;
    this.#out.push(bytes);
    const below = !this.#innerIsFull && this.#out.heldBytes < HIGH_WATER_MARK_BYTES;
    if (!below) this.#waitingForDrain = true;
    return below;
  }

  onData(callback: (bytes: Uint8Array) => void): void {
    this.#events.onData(callback);
  }

  onDrain(callback: () => void): void {
    this.#events.onDrain(callback);
  }

  onClosed(callback: (why: PortCloseReason) => void): void {
    this.#events.onClosed(callback);
  }

  async close(): Promise<void> {
    this.#closed({ code: 'asked', message: `${this.label} closed` });
    await this.#inner.close();
  }

  #drain(): void {
    if (!this.#waitingForDrain || this.#innerIsFull || this.#out.heldBytes > 0) return;
    this.#waitingForDrain = false;
    this.#events.drain();
  }

  #cut(): void {
    this.#closed({ code: 'disconnected', message: `${this.label}: the line was cut by a fault` });
    void this.#inner.close();
  }

  #closed(why: PortCloseReason): void {
    this.#out.close();
    this.#in.close();
    this.#events.closed(why);
  }
}
