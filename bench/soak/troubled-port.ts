// A port around another one whose line is troubled when told to: bytes damaged, writes overtaken, silence, a pulled cable,
// frames of an older session. Between troubles it is a clean line.
import type { Clock } from '../../src/clock/clock.ts';
import type { Port, PortCloseReason } from '../../src/transports/index.ts';

export type Direction = 'out' | 'in';
export type Damage = 'drop' | 'flip' | 'duplicate';

/** What stands in the way of a direction; empty: nothing. */
interface Lane {
  damage: { kind: Damage; bytes: number } | null;
  /** The next piece waits until another has overtaken it. */
  overtake: boolean;
  kept: Uint8Array | null;
  /** Pieces held back by a silence. */
  held: Uint8Array[] | null;
}

const newLane = (): Lane => ({ damage: null, overtake: false, kept: null, held: null });
/** A piece that nothing overtakes goes on its own. */
const OVERTAKE_LIMIT_MS = 20;
const OLD_PIECES = 50;

export class TroubledPort implements Port {
  readonly label: string;
  readonly #inner: Port;
  readonly #clock: Clock;
  readonly #uniform: () => number;
  readonly #lanes: Record<Direction, Lane> = { out: newLane(), in: newLane() };
  readonly #data: ((bytes: Uint8Array) => void)[] = [];
  readonly #closed: ((why: PortCloseReason) => void)[] = [];
  /** What was written of late, for stale frames on a later line. */
  readonly written: Uint8Array[] = [];
  #isOver = false;

  constructor(inner: Port, clock: Clock, uniform: () => number) {
    this.label = inner.label;
    this.#inner = inner;
    this.#clock = clock;
    this.#uniform = uniform;
    inner.onData((bytes) => this.#pass('in', bytes));
    inner.onClosed((why) => this.#over(why));
  }

  /** So many bytes of the next piece are damaged. */
  damage(direction: Direction, kind: Damage, bytes: number): void {
    this.#lanes[direction].damage = { kind, bytes };
  }

  /** The next piece arrives after the one that follows it. */
  reorder(direction: Direction): void {
    this.#lanes[direction].overtake = true;
  }

  /** Nothing passes for so long; then all that was held back does. */
  silence(direction: Direction, duration_ms: number): void {
    const lane = this.#lanes[direction];
    if (lane.held !== null) return;
    lane.held = [];
    this.#clock.after(duration_ms, () => {
      const held = lane.held ?? [];
      lane.held = null;
      for (const bytes of held) this.#hand(direction, bytes);
    });
  }

  /** Bytes of an earlier session reach the device. */
  inject(bytes: Uint8Array): void {
    if (!this.#isOver) this.#inner.write(bytes);
  }

  /** The cable is pulled. */
  cut(): void {
    this.#over({ code: 'disconnected', message: `${this.label}: the cable was pulled` });
    void this.#inner.close();
  }

  open(signal: AbortSignal): Promise<void> {
    return this.#inner.open(signal);
  }

  get queuedBytes(): number {
    return this.#inner.queuedBytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isOver) return false;
    const copy = bytes.slice();
    this.written.push(copy);
    if (this.written.length > OLD_PIECES) this.written.shift();
    this.#pass('out', copy);
    return this.#inner.queuedBytes < 64 * 1024;
  }

  onData(callback: (bytes: Uint8Array) => void): void {
    this.#data.push(callback);
  }

  onDrain(callback: () => void): void {
    this.#inner.onDrain(callback);
  }

  onClosed(callback: (why: PortCloseReason) => void): void {
    this.#closed.push(callback);
  }

  close(): Promise<void> {
    this.#over({ code: 'asked', message: `${this.label} closed` });
    return this.#inner.close();
  }

  #over(why: PortCloseReason): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const callback of this.#closed) callback(why);
  }

  #pass(direction: Direction, bytes: Uint8Array): void {
    if (this.#isOver) return;
    const lane = this.#lanes[direction];
    if (lane.overtake) {
      lane.overtake = false;
      lane.kept = bytes.slice();
      this.#clock.after(OVERTAKE_LIMIT_MS, () => this.#release(direction));
      return;
    }
    this.#deliver(direction, this.#damaged(lane, bytes));
    this.#release(direction);
  }

  #release(direction: Direction): void {
    const lane = this.#lanes[direction];
    const { kept } = lane;
    lane.kept = null;
    if (kept !== null) this.#deliver(direction, kept);
  }

  #deliver(direction: Direction, bytes: Uint8Array): void {
    const { held } = this.#lanes[direction];
    if (held !== null) held.push(bytes.slice());
    else this.#hand(direction, bytes);
  }

  #hand(direction: Direction, bytes: Uint8Array): void {
    if (this.#isOver || bytes.length === 0) return;
    if (direction === 'out') this.#inner.write(bytes);
    else for (const callback of this.#data) callback(bytes);
  }

  #damaged(lane: Lane, bytes: Uint8Array): Uint8Array {
    const { damage } = lane;
    if (damage === null || bytes.length === 0) return bytes;
    lane.damage = null;
    const result = [...bytes];
    for (let k = 0; k < damage.bytes && result.length > 0; k += 1) {
      const at = Math.floor(this.#uniform() * result.length);
      if (damage.kind === 'drop') result.splice(at, 1);
      else if (damage.kind === 'duplicate') result.splice(at, 0, result[at]);
      else result[at] ^= 1 << Math.floor(this.#uniform() * 8);
    }
    return Uint8Array.from(result);
  }
}
