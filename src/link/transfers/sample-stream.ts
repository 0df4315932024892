// Receiving a run (link-protocol section 7): which bytes have arrived, which to ask for again, and when to grant credit.
// Pure bookkeeping over offsets; the bytes themselves are stored by its user.
import { RangeSet, type ByteRange } from './range-set.ts';

/** Credit is sent this late at most while data flows. */
export const CREDIT_LATEST_MS = 50;
/** While nothing flows the last credit is repeated: it may have been lost, and the device be waiting for it. */
export const CREDIT_IDLE_MS = 250;
/** link.options: max_count of StreamCredit.missing. */
const MAX_MISSING = 8;

export interface CreditGrant {
  /** Bytes below were consumed; the device may forget them. Never decreases. */
  ackedTo: number;
  /** The device may send up to here. Never decreases. */
  windowEnd: number;
  /** To be sent again. */
  missing: ByteRange[];
}

export class SampleStream {
  #total: number;
  readonly #window: number;
  readonly #received = new RangeSet();
  /** Gaps asked for, and when; asked again after one timeout. */
  #asked: (ByteRange & { at_ms: number })[] = [];
  #contiguous = 0;
  /** The device is known to have produced this much. */
  #produced = 0;
  #grantedAt_ms: number;
  #grantedContiguous = 0;
  #windowEnd: number;
  #lastData_ms: number;
  #hasNewData = false;
  #hasNewGap = false;

  /** `initialWindow_bytes`: what HELLO granted; `window_bytes`: what is granted from now on. */
  constructor(
    sizes: { total_bytes: number; window_bytes: number; initialWindow_bytes: number },
    now_ms: number,
  ) {
    this.#total = sizes.total_bytes;
    this.#window = sizes.window_bytes;
    this.#windowEnd = Math.min(sizes.total_bytes, sizes.initialWindow_bytes);
    this.#grantedAt_ms = now_ms;
    this.#lastData_ms = now_ms;
  }

  /** Everything below has arrived. */
  get contiguous(): number {
    return this.#contiguous;
  }

  /** Nothing above has arrived. */
  get received_bytes(): number {
    return this.#received.end;
  }

  get isComplete(): boolean {
    return this.#contiguous >= this.#total;
  }

  get lastData_ms(): number {
    return this.#lastData_ms;
  }

  /** The device has used up its window and waits for credit. */
  get isStalled(): boolean {
    return this.#received.end >= this.#windowEnd && this.#windowEnd < this.#total;
  }

  /** Notes [offset, offset + length); returns how many of its bytes are new, or -1 when it lies beyond the run. */
  onData(offset: number, length: number, now_ms: number): number {
    const to = offset + length;
    if (to > this.#total) return -1;
    const endBefore = this.#received.end;
    const added = this.#received.add(offset, to);
    this.#contiguous = this.#received.contiguousFrom(0);
    this.#lastData_ms = now_ms;
    if (added > 0) this.#hasNewData = true;
    if (offset > endBefore) this.#hasNewGap = true;
    return added;
  }

  /** The device says how much it has produced (heartbeat, end of the run): what is missing below was lost or unsent. */
  onProduced(bytes: number): void {
    this.#produced = Math.max(this.#produced, Math.min(bytes, this.#total));
  }

  /** The log ends here, before the size it might have had: some of its samples were lost. */
  endsAt(total_bytes: number): void {
    this.#total = Math.min(this.#total, total_bytes);
  }

  /**
   * The credit to send now, or null. `answer_ms` is the timeout of a repair: no gap is asked for twice within it, and
   * a tail counts as lost only after the stream was quiet for so long.
   */
  grant(now_ms: number, answer_ms: number): CreditGrant | null {
    this.#asked = this.#asked.filter(({ at_ms }) => now_ms - at_ms < answer_ms);
    const isDue =
      this.#hasNewGap ||
      this.#contiguous - this.#grantedContiguous >= this.#window / 4 ||
      now_ms >= this.#nextGrant_ms;
    if (!isDue) return null;
    const missing = this.#unaskedGaps(now_ms, answer_ms);
    for (const gap of missing) this.#asked.push({ ...gap, at_ms: now_ms });
    this.#windowEnd = Math.max(this.#windowEnd, Math.min(this.#total, this.#contiguous + this.#window));
    this.#grantedAt_ms = now_ms;
    this.#grantedContiguous = this.#contiguous;
    this.#hasNewData = false;
    this.#hasNewGap = false;
    return { ackedTo: this.#contiguous, windowEnd: this.#windowEnd, missing };
  }

  get #nextGrant_ms(): number {
    const open = this.#hasNewData || this.#asked.length > 0;
    return this.#grantedAt_ms + (open ? CREDIT_LATEST_MS : CREDIT_IDLE_MS);
  }

  /** When grant() may have something to say, if nothing arrives until then. */
  get nextDue_ms(): number {
    return this.#nextGrant_ms;
  }

  #unaskedGaps(now_ms: number, answer_ms: number): ByteRange[] {
    const isQuiet = now_ms - this.#lastData_ms >= answer_ms;
    const tail = isQuiet ? Math.min(this.#produced, this.#windowEnd) : 0;
    const horizon = Math.max(this.#received.end, tail);
    const known = new RangeSet();
    for (const { from, to } of this.#received.ranges) known.add(from, to);
    for (const { from, to } of this.#asked) known.add(from, to);
    return known.missingIn(this.#contiguous, horizon, MAX_MISSING);
  }
}
