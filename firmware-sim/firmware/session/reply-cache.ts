// Executes each request at most once: replies by request id, slot = id mod slots, kept across the sessions of one client
// within a boot (link-protocol section 8).

/** A request that is being executed holds its slot with a null reply. */
interface Slot {
  id: number;
  reply: Uint8Array | null;
}

export type CacheVerdict =
  | { kind: 'execute' }
  | { kind: 'resend'; reply: Uint8Array }
  /** The same request is being executed: stay silent, its reply is on the way. */
  | { kind: 'executing' }
  /** A newer request was answered in this slot: what became of the older one is no longer known. */
  | { kind: 'out-of-window' };

export class ReplyCache {
  readonly #slots: (Slot | null)[];

  constructor(slots: number) {
    this.#slots = Array.from({ length: slots }, () => null);
  }

  judge(id: number): CacheVerdict {
    const slot = this.#slots[id % this.#slots.length];
    if (slot === null) return { kind: 'execute' };
    if (slot.id === id) {
      return slot.reply === null ? { kind: 'executing' } : { kind: 'resend', reply: slot.reply };
    }
    // Ids are 32-bit serial numbers: newer is whatever lies less than half the circle ahead.
    return ((id - slot.id) | 0) > 0 ? { kind: 'execute' } : { kind: 'out-of-window' };
  }

  /** The request takes its slot. */
  begin(id: number): void {
    this.#slots[id % this.#slots.length] = { id, reply: null };
  }

  /** Keeps the reply, unless the slot belongs to another request by now. */
  finish(id: number, reply: Uint8Array): void {
    const slot = this.#slots[id % this.#slots.length];
    if (slot?.id === id) slot.reply = reply;
  }

  clear(): void {
    this.#slots.fill(null);
  }
}
