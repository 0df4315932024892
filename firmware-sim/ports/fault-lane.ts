// One direction of the twin's byte stream, with the link faults that are in force: bytes are lost, damaged, held or let
// through slowly. Without faults they pass straight on.
import { DRAW } from '../chip/imperfections/draws.ts';
import { philox4x32 } from '../chip/kernel/philox.ts';
import type { PlantedFault } from '../faults/index.ts';
import type { BoardClock } from '../firmware/index.ts';

export type LaneDirection = 'to-device' | 'to-host';

/** What a stalled or slow line holds; beyond it bytes are lost, as in a buffer that overruns. */
export const LANE_BYTES_MAX = 1024 * 1024;
/** A slow line lets bytes go in steps of about this length. */
const STEP_MS = 2;
const GARBAGE_DEFAULT_RATIO = 0.01;

export interface FaultLaneOptions {
  direction: LaneDirection;
  clock: BoardClock;
  /** Link faults in force in either direction, in the order of planting. */
  inForce: () => readonly PlantedFault[];
  deliver: (bytes: Uint8Array) => void;
  /** Nothing is held back any more. */
  emptied: () => void;
}

type Damage = (bytes: Uint8Array) => Uint8Array;

export class FaultLane {
  readonly #options: FaultLaneOptions;
  /** Places of damage go on from write to write; they are gone with the fault. */
  readonly #damages = new WeakMap<PlantedFault, Damage>();
  #queue: { bytes: Uint8Array; due_ms: number }[] = [];
  #heldBytes = 0;
  #timer: { cancel(): void } | null = null;
  /** A slow line is busy until then. */
  #free_ms = 0;

  constructor(options: FaultLaneOptions) {
    this.#options = options;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Takes one write; the bytes may be reused afterwards. */
  push(bytes: Uint8Array): void {
    const faults = this.#mine();
    if (faults.length === 0 && this.#queue.length === 0) return this.#options.deliver(bytes);
    let passing = bytes;
    for (const fault of faults) passing = this.#damaged(fault, passing);
    if (passing.length > 0) this.#hold(passing.slice(), faults);
    this.#release();
  }

  /** Faults have set in, ended or been cleared. */
  changed(): void {
    this.#release();
  }

  /** What is held back is lost, as on a cable that was pulled. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#queue = [];
    this.#heldBytes = 0;
  }

  #mine(): readonly PlantedFault[] {
    const { direction, inForce } = this.#options;
    const all = inForce();
    if (all.length === 0) return all;
    return all.filter(({ spec: { target } }) => (target.direction ?? direction) === direction);
  }

  #damaged(fault: PlantedFault, bytes: Uint8Array): Uint8Array {
    const { type } = fault.spec;
    if (type === 'off' || type === 'intermittent') return bytes.subarray(0, 0);
    if (type !== 'garbage' && type !== 'wrong') return bytes;
    let damage = this.#damages.get(fault);
    if (damage === undefined) this.#damages.set(fault, (damage = damageOf(fault, this.#options.direction)));
    return damage(bytes);
  }

  #hold(bytes: Uint8Array, faults: readonly PlantedFault[]): void {
    const { rate_per_ms, delay_ms } = timing(faults);
    const now_ms = this.#options.clock.now_ms();
    const step = Math.max(1, Math.min(bytes.length, Math.ceil(rate_per_ms * STEP_MS)));
    for (let at = 0; at < bytes.length; at += step) {
      const piece = bytes.subarray(at, at + step);
      if (this.#heldBytes + piece.length > LANE_BYTES_MAX) return;
      this.#free_ms = Math.max(this.#free_ms, now_ms) + piece.length / rate_per_ms;
      this.#queue.push({ bytes: piece, due_ms: this.#free_ms + delay_ms });
      this.#heldBytes += piece.length;
    }
  }

  /** Delivers what may go now, in order. */
  #release(): void {
    if (this.#queue.length === 0) return;
    const faults = this.#mine();
    if (faults.some(({ spec }) => spec.type === 'stuck')) return;
    // A line that is well again gives what it held at once.
    const isTimed = faults.some(({ spec }) => spec.type === 'slow' || spec.type === 'delayed');
    if (!isTimed) this.#free_ms = 0;
    const { clock, deliver, emptied } = this.#options;
    while (this.#queue.length > 0 && (!isTimed || this.#queue[0].due_ms <= clock.now_ms())) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#heldBytes -= next.bytes.length;
      deliver(next.bytes);
    }
    if (this.#queue.length === 0) return emptied();
    this.#arm(this.#queue[0].due_ms);
  }

  #arm(due_ms: number): void {
    this.#timer?.cancel();
    const { clock } = this.#options;
    this.#timer = clock.after(Math.max(0, Math.ceil(due_ms - clock.now_ms())), () => {
      this.#timer = null;
      this.#release();
    });
  }
}

/** Several slow faults: the slowest counts; several delays add up. */
function timing(faults: readonly PlantedFault[]): { rate_per_ms: number; delay_ms: number } {
  let rate_per_ms = Infinity;
  let delay_ms = 0;
  for (const { spec } of faults) {
    const value = spec.magnitude?.value ?? 0;
    if (spec.type === 'slow') rate_per_ms = Math.min(rate_per_ms, value / 1000);
    if (spec.type === 'delayed') delay_ms += value;
  }
  return { rate_per_ms, delay_ms };
}

/**
 * Flips a bit, or puts a random byte in front, at places that are drawn: gaps between places of probability p are
 * geometric, so the damage does not depend on how the stream is cut into writes.
 */
function damageOf({ spec }: PlantedFault, direction: LaneDirection): Damage {
  const inserts = spec.type === 'garbage';
  const share = spec.magnitude?.value ?? GARBAGE_DEFAULT_RATIO;
  const word = wordsFrom(spec.seed, direction);
  const gap = (): number => (share >= 1 ? 0 : Math.floor(Math.log1p(-word() / 2 ** 32) / Math.log1p(-share)));
  let next = gap();
  return (bytes) => {
    const out: number[] = [];
    for (const byte of bytes) {
      const isHit = next === 0;
      next = isHit ? gap() : next - 1;
      if (!isHit) out.push(byte);
      else if (inserts) out.push(word() >>> 24, byte);
      else out.push(byte ^ (1 << (word() >>> 29)));
    }
    return Uint8Array.from(out);
  };
}

/** Random 32-bit words; the two directions of one fault have different ones. */
function wordsFrom(seed: number, direction: LaneDirection): () => number {
  let drawn = 0;
  let block: readonly number[] = [];
  return () => {
    if (drawn % 4 === 0) {
      block = philox4x32([drawn / 4, direction === 'to-device' ? 0 : 1, DRAW.faultLink, 0], [seed, 0]);
    }
    return block[drawn++ % 4];
  };
}
