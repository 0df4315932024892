// One direction of a chaos line: damages, reorders, cuts and delays what is pushed into it, and delivers the rest.
import type { Clock, Timer } from '../../clock/clock.ts';
import { damager } from './damage.ts';
import type { LaneFaults } from './faults.ts';

/** A write kept back to be overtaken goes on its own when nothing overtakes it for so long. */
const REORDER_LIMIT_MS = 20;
/** A rate-limited line lets bytes go in steps of about this length, never finer than its timers. */
const RATE_STEP_MS = 2;

export interface LaneOptions {
  faults: LaneFaults;
  uniform: () => number;
  clock: Clock;
  deliver(bytes: Uint8Array): void;
  /** The line is cut here; nothing is delivered afterwards. */
  cut(): void;
  /** Everything that was held back has been delivered. */
  emptied(): void;
}

interface Held {
  bytes: Uint8Array;
  due_ms: number;
}

export class ChaosLane {
  readonly #options: LaneOptions;
  readonly #damage: (bytes: Uint8Array) => Uint8Array;
  readonly #queue: Held[] = [];
  #heldBytes = 0;
  /** Bytes pushed so far, before any damage. */
  #seen = 0;
  #overtaken: Uint8Array | null = null;
  #overtakeTimer: Timer | null = null;
  #timer: Timer | null = null;
  /** The line is busy until then: rate and stall. */
  #free_ms = -Infinity;
  #hasStalled = false;
  #isCut = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#damage = damager(options.faults, options.uniform);
  }

  get heldBytes(): number {
    return this.#heldBytes + (this.#overtaken?.length ?? 0);
  }

  /** Takes one write; the bytes may be reused afterwards. */
  push(bytes: Uint8Array): void {
    if (this.#isCut || bytes.length === 0) return;
    const { faults } = this.#options;
    const start = this.#seen;
    const room = (faults.disconnectAt_bytes ?? Infinity) - start;
    const passing = bytes.slice(0, Math.max(0, Math.min(bytes.length, room)));
    this.#seen += passing.length;
    this.#reorder(this.#damage(passing), start);
    if (passing.length === bytes.length) return;
    this.#isCut = true;
    this.#overtakeNow();
    this.#schedule(null);
  }

  /** Stops all timers; what is held back is lost, as on a cable that was pulled. */
  close(): void {
    this.#isCut = true;
    this.#timer?.cancel();
    this.#overtakeTimer?.cancel();
    this.#queue.length = 0;
    this.#heldBytes = 0;
    this.#overtaken = null;
  }

  #reorder(bytes: Uint8Array, start: number): void {
    const { faults, uniform, clock } = this.#options;
    if (this.#overtaken !== null) {
      this.#pieces(bytes);
      this.#overtakeNow();
      return;
    }
    const isFree = start >= (faults.spare_bytes ?? 0);
    if (isFree && faults.reorder !== undefined && uniform() < faults.reorder) {
      this.#overtaken = bytes;
      this.#overtakeTimer = clock.after(REORDER_LIMIT_MS, () => this.#overtakeNow());
      return;
    }
    this.#pieces(bytes);
  }

  #overtakeNow(): void {
    const late = this.#overtaken;
    this.#overtakeTimer?.cancel();
    this.#overtaken = null;
    if (late !== null) this.#pieces(late);
  }

  #pieces(bytes: Uint8Array): void {
    const { faults, uniform } = this.#options;
    const largest = Math.min(faults.shortWrites_bytes ?? Infinity, this.#rateStep_bytes);
    for (let at = 0; at < bytes.length;) {
      const length = faults.shortWrites_bytes === undefined ? largest : 1 + Math.floor(uniform() * largest);
      const piece = bytes.subarray(at, Math.min(bytes.length, at + length));
      this.#schedule(piece);
      at += piece.length;
    }
  }

  get #rateStep_bytes(): number {
    const { rate_Bps } = this.#options.faults;
    return rate_Bps === undefined ? Infinity : Math.max(1, Math.ceil((rate_Bps * RATE_STEP_MS) / 1000));
  }

  /** Delivers a piece, or the cut (null), now or when its time has come; order is kept. */
  #schedule(piece: Uint8Array | null): void {
    const { faults, clock } = this.#options;
    const { rate_Bps, delay_ms = 0, stall } = faults;
    const now_ms = clock.now_ms();
    let free_ms = Math.max(this.#free_ms, now_ms);
    if (stall !== undefined && !this.#hasStalled && this.#seen > stall.at_bytes) {
      this.#hasStalled = true;
      free_ms += stall.duration_ms;
    }
    if (rate_Bps !== undefined) free_ms += ((piece?.length ?? 0) * 1000) / rate_Bps;
    this.#free_ms = free_ms;
    const due_ms = free_ms + delay_ms;
    if (due_ms <= now_ms && this.#queue.length === 0) return this.#hand(piece);
    this.#queue.push({ bytes: piece ?? CUT, due_ms });
    this.#heldBytes += piece?.length ?? 0;
    this.#arm();
  }

  #arm(): void {
    if (this.#timer !== null || this.#queue.length === 0) return;
    const wait_ms = Math.max(0, Math.ceil(this.#queue[0].due_ms - this.#options.clock.now_ms()));
    this.#timer = this.#options.clock.after(wait_ms, () => {
      this.#timer = null;
      this.#release();
    });
  }

  #release(): void {
    const now_ms = this.#options.clock.now_ms();
    while (this.#queue.length > 0 && this.#queue[0].due_ms <= now_ms) {
      const [{ bytes }] = this.#queue.splice(0, 1);
      this.#heldBytes -= bytes.length;
      this.#hand(bytes === CUT ? null : bytes);
    }
    if (this.#queue.length > 0) return this.#arm();
    this.#options.emptied();
  }

  #hand(piece: Uint8Array | null): void {
    if (piece === null) return this.#options.cut();
    this.#options.deliver(piece);
  }
}

const CUT = new Uint8Array(0);
