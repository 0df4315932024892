// One direction of a slow line as arithmetic: byte k leaves 1/rate after byte k-1 left or after it arrived, whichever is
// later. Whoever drives it may come late; what left meanwhile leaves then, with the times at which the line let it go.

export interface LaneOptions {
  rate_Bps: number;
  /** Probability per byte that it is lost; a lost byte takes its time on the line like any other. */
  loss: number;
  /** Uniform in [0, 1); drawn once per lost byte. */
  uniform: () => number;
  /** Bytes that left, before losses: byte k of `piece` left at start_ms + (k + 1) * byte_ms. */
  onLeave?: (piece: Uint8Array, start_ms: number, byte_ms: number) => void;
  /** What arrives at the far end. */
  deliver: (piece: Uint8Array) => void;
}

interface Waiting {
  bytes: Uint8Array;
  arrived_ms: number;
}

export class LimitedLane {
  readonly #options: LaneOptions;
  readonly #byte_ms: number;
  readonly #queue: Waiting[] = [];
  #waiting_bytes = 0;
  /** When the line has let go of everything so far. */
  #free_ms = -Infinity;
  /** Bytes that pass before the next one is lost. */
  #untilLoss: number;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#byte_ms = 1000 / options.rate_Bps;
    this.#untilLoss = this.#drawLoss();
  }

  /** Bytes that have not left. */
  get waiting_bytes(): number {
    return this.#waiting_bytes;
  }

  /** Bytes come to the line; the buffer is kept. */
  push(bytes: Uint8Array, now_ms: number): void {
    this.#queue.push({ bytes, arrived_ms: now_ms });
    this.#waiting_bytes += bytes.length;
  }

  /** Lets go of what has left by now. */
  advance(now_ms: number): void {
    while (this.#queue.length > 0) {
      const first = this.#queue[0];
      const start_ms = Math.max(this.#free_ms, first.arrived_ms);
      const count = Math.min(first.bytes.length, Math.floor((now_ms - start_ms) / this.#byte_ms));
      if (count <= 0) return;
      const piece = first.bytes.subarray(0, count);
      if (count === first.bytes.length) this.#queue.shift();
      else first.bytes = first.bytes.subarray(count);
      this.#waiting_bytes -= count;
      this.#free_ms = start_ms + count * this.#byte_ms;
      this.#options.onLeave?.(piece, start_ms, this.#byte_ms);
      this.#deliver(piece);
    }
  }

  #deliver(piece: Uint8Array): void {
    let from = 0;
    while (piece.length - from > this.#untilLoss) {
      const lost = from + this.#untilLoss;
      if (lost > from) this.#options.deliver(piece.subarray(from, lost));
      from = lost + 1;
      this.#untilLoss = this.#drawLoss();
    }
    this.#untilLoss -= piece.length - from;
    if (from < piece.length) this.#options.deliver(piece.subarray(from));
  }

  /** Geometric: how many bytes pass before a lost one. */
  #drawLoss(): number {
    const { loss, uniform } = this.#options;
    return loss > 0 ? Math.floor(Math.log(1 - uniform()) / Math.log1p(-loss)) : Infinity;
  }
}
