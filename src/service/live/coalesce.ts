// At most one value of a kind in an interval: the first at once, then the latest when the interval is over. Pure: time is an
// argument.

export class Coalescer<E extends { readonly kind: string }> {
  readonly #kinds = new Map<string, { sent_ms: number; interval_ms: number; held: E | null }>();

  /** True when the value may go now; otherwise it is kept in place of the one before it. */
  admit(event: E, interval_ms: number, now_ms: number): boolean {
    const known = this.#kinds.get(event.kind);
    if (known !== undefined && now_ms - known.sent_ms < interval_ms) {
      known.held = event;
      known.interval_ms = interval_ms;
      return false;
    }
    this.#kinds.set(event.kind, { sent_ms: now_ms, interval_ms, held: null });
    return true;
  }

  /** Values whose interval is over, oldest kind first; each counts as sent now. */
  due(now_ms: number): E[] {
    const events: E[] = [];
    for (const entry of this.#kinds.values()) {
      if (entry.held === null || now_ms - entry.sent_ms < entry.interval_ms) continue;
      events.push(entry.held);
      entry.sent_ms = now_ms;
      entry.held = null;
    }
    return events;
  }

  /** When something is due; Infinity when nothing is held. */
  get next_ms(): number {
    let next_ms = Infinity;
    for (const { held, sent_ms, interval_ms } of this.#kinds.values())
      if (held !== null) next_ms = Math.min(next_ms, sent_ms + interval_ms);
    return next_ms;
  }

  /** Nothing of this kind follows. */
  forget(kind: string): void {
    this.#kinds.delete(kind);
  }
}
