// Which chunk of an image goes next: window, reports, losses (link-protocol section 6). Pure bookkeeping.
//
// The line keeps order, so a report tells more than it says: when it shows a chunk as received, every chunk sent
// before that one and still missing is lost. Chunks sent later may simply be on their way and are left alone.
import { RangeSet, type ByteRange } from './range-set.ts';

export interface UploadGeometry {
  total_bytes: number;
  /** Offsets are multiples of this; only the last chunk may be short. */
  chunk_bytes: number;
  /** Most bytes sent and unreported. */
  window_bytes: number;
  /** The window that the device announced: it reports every quarter of that one. Absent: `window_bytes`. */
  announced_bytes?: number;
}

/** Reports come this often in a window (docs/protocol.md, section Loading). */
const REPORTS_PER_WINDOW = 4;

/** What the device says it lacks: LoadAccepted and LoadReport in plain numbers. */
export interface MissingReport {
  missing: readonly ByteRange[];
  /** There are missing ranges beyond the listed ones. */
  moreMissing: boolean;
  /**
   * How much has arrived (LoadReport). A report lists gaps below the highest byte that arrived; what was received and
   * what is listed add up to that byte, and all above it is missing too. Absent (LoadAccepted): the list is whole.
   */
  received_bytes?: number;
}

export interface NextChunk extends ByteRange {
  /** Nothing follows for now: the device shall report at once. */
  reportNow: boolean;
  /** The last bytes of the image. */
  last: boolean;
  /** Sent before. */
  replay: boolean;
}

/** A StopRun waits behind at most this much line time of chunks on a UART (section 8). */
const UART_WINDOW_S = 0.1;
/** Below two chunks the line would stand still while a report comes back. */
const UART_CHUNKS_MIN = 2;
const UART_BITS_PER_BYTE = 10;

/**
 * Window of a load: what the device announces, and on a UART no more than a stop may wait for, because what has gone to a
 * tty cannot be overtaken. `uartBaud` is 0 on native USB and TCP.
 */
export function loadWindow_bytes(announced_bytes: number, chunk_bytes: number, uartBaud: number): number {
  const window_bytes = Math.max(chunk_bytes, announced_bytes);
  if (uartBaud === 0) return window_bytes;
  const line_bytes = Math.floor((uartBaud / UART_BITS_PER_BYTE) * UART_WINDOW_S);
  return Math.min(window_bytes, Math.max(UART_CHUNKS_MIN * chunk_bytes, line_bytes));
}

interface Flying extends ByteRange {
  /** An earlier copy may arrive instead of this one: its arrival says nothing about what was sent between them. */
  inDoubt: boolean;
}

export class UploadPlan {
  readonly #geometry: UploadGeometry;
  /** To be sent. */
  readonly #pending = new RangeSet();
  /** Sent at least once. */
  readonly #sent = new RangeSet();
  /** Sent and not reported, in the order of sending. */
  #flight: Flying[] = [];
  #flight_bytes = 0;
  /** From here on nothing is known yet: the device could not list all it lacks. */
  #known_to = 0;
  /** Bytes sent since a chunk asked for a report. */
  #unasked_bytes = 0;
  /** Probes since a report last told something. */
  #vainProbes = 0;

  constructor(geometry: UploadGeometry) {
    this.#geometry = geometry;
  }

  get inFlight_bytes(): number {
    return this.#flight_bytes;
  }

  /** The device has everything, as far as it has told. */
  get isComplete(): boolean {
    return this.isExhausted && this.#flight.length === 0 && this.#known_to >= this.#geometry.total_bytes;
  }

  /** Nothing left to send at the moment. */
  get isExhausted(): boolean {
    return this.#pending.isEmpty;
  }

  /** Nothing to send, nothing on its way, and still something unknown: BeginLoad must be asked again. */
  get needsQuery(): boolean {
    return this.isExhausted && this.#flight.length === 0 && this.#known_to < this.#geometry.total_bytes;
  }

  /** Takes a report of the device; false when it changed nothing. */
  onReport(report: MissingReport): boolean {
    const { total_bytes } = this.#geometry;
    const missing = this.#aligned(report.missing);
    if (!report.moreMissing && report.received_bytes !== undefined) {
      const listed_bytes = report.missing.reduce((sum, { from, to }) => sum + (to - from), 0);
      const highest = report.received_bytes + listed_bytes;
      if (highest < total_bytes) missing.add(highest - (highest % this.#geometry.chunk_bytes), total_bytes);
    }
    const horizon = report.moreMissing ? missing.end : total_bytes;
    const before = [this.#flight_bytes, this.#pending.size, this.#known_to];
    this.#settleFlight(missing, horizon);
    for (const { from, to } of missing.missingIn(0, horizon)) this.#pending.remove(from, to);
    for (const { from, to } of missing.ranges) this.#pending.add(from, to);
    for (const { from, to } of this.#flight) this.#pending.remove(from, to);
    this.#known_to = Math.max(this.#known_to, horizon);
    const after = [this.#flight_bytes, this.#pending.size, this.#known_to];
    const hasTold = before.some((value, i) => value !== after[i]);
    if (hasTold) this.#vainProbes = 0;
    return hasTold;
  }

  /** Drops what was received and, by the order of sending, what was lost. */
  #settleFlight(missing: RangeSet, horizon: number): void {
    const isReceived = ({ from, to }: ByteRange): boolean => to <= horizon && !missing.intersects(from, to);
    const lastReceived = this.#flight.findLastIndex((chunk) => !chunk.inDoubt && isReceived(chunk));
    this.#flight = this.#flight.filter((chunk, i) => {
      if (isReceived(chunk)) return false;
      const isLost = i < lastReceived && missing.intersects(chunk.from, chunk.to);
      return !isLost; // a lost one is in `missing` and becomes pending again
    });
    this.#flight_bytes = this.#flight.reduce((sum, { from, to }) => sum + (to - from), 0);
  }

  /** Marks ranges as missing whatever was reported before: pages that failed the device's own check. */
  resend(ranges: readonly ByteRange[]): void {
    for (const { from, to } of this.#aligned(ranges).ranges) {
      this.#pending.add(from, to);
      this.#flight = this.#flight.filter((chunk) => chunk.to <= from || chunk.from >= to);
    }
    this.#flight_bytes = this.#flight.reduce((sum, { from, to }) => sum + (to - from), 0);
  }

  /** Whole chunks around the ranges, clipped to the image. */
  #aligned(ranges: readonly ByteRange[]): RangeSet {
    const { chunk_bytes, total_bytes } = this.#geometry;
    const aligned = new RangeSet();
    for (const { from, to } of ranges) {
      const end = Math.min(Math.ceil(to / chunk_bytes) * chunk_bytes, total_bytes);
      aligned.add(Math.floor(from / chunk_bytes) * chunk_bytes, end);
    }
    return aligned;
  }

  /** The chunk to send next, taken as sent, or null when the window is full or nothing is left. */
  next(): NextChunk | null {
    const first = this.#pending.first;
    if (first === undefined) return null;
    const to = Math.min(first.from + this.#geometry.chunk_bytes, first.to);
    const length = to - first.from;
    if (this.#flight.length > 0 && this.#flight_bytes + length > this.#geometry.window_bytes) return null;
    this.#pending.remove(first.from, to);
    return this.#launch({ from: first.from, to }, this.#pending.isEmpty || this.#mustAsk(length));
  }

  /** With a smaller window than the device knows of, its own reports would come too late. */
  #mustAsk(length: number): boolean {
    const { window_bytes, announced_bytes = window_bytes } = this.#geometry;
    if (window_bytes >= announced_bytes) return false;
    this.#unasked_bytes += length;
    if (this.#unasked_bytes < window_bytes / REPORTS_PER_WINDOW) return false;
    this.#unasked_bytes = 0;
    return true;
  }

  /**
   * No report came in time: one chunk on its way goes again and asks for one. Null when none is. It may have arrived
   * already, so its report must not condemn what was sent between the two copies. First the newest, because all others
   * were sent before either copy; when that told nothing (a device that lists few gaps), the oldest, as no evidence.
   */
  probe(): NextChunk | null {
    const takesOldest = this.#vainProbes % 2 === 1;
    const chunk = takesOldest ? this.#flight.shift() : this.#flight.pop();
    if (chunk === undefined) return null;
    this.#vainProbes += 1;
    this.#flight_bytes -= chunk.to - chunk.from;
    return this.#launch({ from: chunk.from, to: chunk.to }, true, takesOldest || chunk.inDoubt);
  }

  #launch(chunk: ByteRange, reportNow: boolean, inDoubt = false): NextChunk {
    const replay = this.#sent.intersects(chunk.from, chunk.to);
    this.#sent.add(chunk.from, chunk.to);
    this.#flight.push({ ...chunk, inDoubt });
    this.#flight_bytes += chunk.to - chunk.from;
    return { ...chunk, reportNow, last: chunk.to === this.#geometry.total_bytes, replay };
  }
}
