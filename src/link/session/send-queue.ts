// What waits for the port, by priority, and how much may be inside it: the port's own queue is first in, first out and
// cannot be reordered, so urgent frames stay short of it (link-protocol section 8).

/** Order of sending; a lower number goes first. */
export const Priority = { urgent: 0, reply: 1, request: 2, bulk: 3 } as const;
export type PriorityValue = (typeof Priority)[keyof typeof Priority];

/** Bytes inside the port of a fast link: 72 ms at full-speed USB. */
export const PORT_BYTES_USB = 64 * 1024;
/** Frames inside the port of a UART, bounded by the stop latency at 115,200 baud. */
export const PORT_FRAMES_UART = 2;

/** Something that becomes one frame when its turn comes; sequence numbers are given only then. */
export interface Sendable {
  /** Wire bytes it will need at most. */
  readonly wireBytes: number;
}

/**
 * Three lanes of waiting entries; the fourth, bulk, is pulled from a source, so that chunks are chosen at the last
 * moment and never pile up.
 */
export class SendQueue<T extends Sendable> {
  readonly #lanes: [T[], T[], T[]] = [[], [], []];
  readonly #portBytes: number;

  /** `portBytes`: how much may be inside the port before lower priorities wait. */
  constructor(portBytes: number) {
    this.#portBytes = portBytes;
  }

  /** Bytes waiting in the lanes up to and including `priority`. */
  bytesAhead(priority: PriorityValue): number {
    let sum = 0;
    for (let lane = 0; lane <= Math.min(priority, Priority.request); lane += 1) {
      for (const entry of this.#lanes[lane as 0 | 1 | 2]) sum += entry.wireBytes;
    }
    return sum;
  }

  push(priority: Exclude<PriorityValue, typeof Priority.bulk>, entry: T): void {
    this.#lanes[priority].push(entry);
  }

  /** Takes an entry back; false when it has gone out already. */
  remove(entry: T): boolean {
    for (const lane of this.#lanes) {
      const at = lane.indexOf(entry);
      if (at >= 0) {
        lane.splice(at, 1);
        return true;
      }
    }
    return false;
  }

  get isEmpty(): boolean {
    return this.#lanes.every((lane) => lane.length === 0);
  }

  /** Whether `wireBytes` more may enter a port that holds `queuedBytes`; one frame always may enter an empty one. */
  hasRoom(queuedBytes: number, wireBytes: number): boolean {
    return queuedBytes === 0 || queuedBytes + wireBytes <= this.#portBytes;
  }

  /**
   * The next entry to send, removed, or undefined when nothing waits or the port is full. Urgent entries pass a full
   * port: they are few and small, and their latency is what the limit protects.
   */
  take(queuedBytes: number): T | undefined {
    const urgent = this.#lanes[Priority.urgent].shift();
    if (urgent !== undefined) return urgent;
    for (const lane of [this.#lanes[Priority.reply], this.#lanes[Priority.request]]) {
      if (lane.length === 0) continue;
      return this.hasRoom(queuedBytes, lane[0].wireBytes) ? lane.shift() : undefined;
    }
    return undefined;
  }

  clear(): void {
    for (const lane of this.#lanes) lane.length = 0;
  }
}
