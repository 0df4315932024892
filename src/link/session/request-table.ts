// Requests that wait for their reply (link-protocol section 8): ids at most 7 apart, repeats under the same id, five
// attempts with doubling timeouts. A pure table; sending and waking up are its user's.
import { MAX_RTO_MS } from './rtt-estimator.ts';

export const MAX_ATTEMPTS = 5;
/** From the first sending; no request outlives it, however slow the link. */
export const REQUEST_LIMIT_MS = 10_000;
const UINT32 = 2 ** 32;

/** Numbers the requests of one client id: 1, 2, ...; 0 means one-way and is skipped when the count wraps. */
export class RequestIds {
  #next: number;

  constructor(first = 1) {
    this.#next = first;
  }

  get peek(): number {
    return this.#next;
  }

  take(): number {
    const id = this.#next;
    this.#next = (id + 1) % UINT32 || 1;
    return id;
  }
}

/** Clients remembered; a process has one or a few, a test many. */
const MAX_CLIENTS = 64;
const clients = new Map<number, RequestIds>();

/**
 * The ids of a client. They belong to the client id, not to a session: the device keeps its reply cache when the same
 * client connects again, and would take an id that starts over for one that is too old.
 */
export function requestIdsOf(clientId: number): RequestIds {
  const ids = clients.get(clientId) ?? new RequestIds();
  clients.delete(clientId);
  clients.set(clientId, ids);
  const oldest = clients.keys().next();
  if (clients.size > MAX_CLIENTS && !oldest.done) clients.delete(oldest.value);
  return ids;
}

export interface PendingRequest<T> {
  readonly id: number;
  readonly context: T;
  readonly attempts: number;
  readonly firstSent_ms: number;
}

interface Row<T> {
  id: number;
  context: T;
  attempts: number;
  firstSent_ms: number;
  lastSent_ms: number;
  /** Infinity while an attempt waits for the port. */
  due_ms: number;
}

export interface RequestTableOptions {
  /** Limits.max_outstanding_rpc */
  maxOutstanding: number;
  /** Limits.reply_cache: slots by id modulo this. */
  replyCache: number;
}

export class RequestTable<T> {
  readonly #ids: RequestIds;
  readonly #maxOutstanding: number;
  readonly #maxSpread: number;
  /** In the order of their ids. */
  readonly #rows = new Map<number, Row<T>>();

  constructor(ids: RequestIds, options: RequestTableOptions) {
    this.#ids = ids;
    this.#maxOutstanding = Math.max(1, Math.min(options.maxOutstanding, options.replyCache));
    this.#maxSpread = Math.max(0, options.replyCache - 1);
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Whether one more request may get an id now. The last place is kept for urgent ones (StopRun, Reset, ClearFault). */
  canAdmit(urgent: boolean): boolean {
    const reserve = urgent || this.#maxOutstanding === 1 ? 0 : 1;
    if (this.#rows.size >= this.#maxOutstanding - reserve) return false;
    const oldest = this.#rows.values().next();
    if (oldest.done) return true;
    const spread = (this.#ids.peek - oldest.value.id + UINT32) % UINT32;
    return spread <= this.#maxSpread - reserve;
  }

  /** Gives a request its id; only when canAdmit() said so. */
  admit(context: T): PendingRequest<T> {
    const row: Row<T> = {
      id: this.#ids.take(),
      context,
      attempts: 0,
      firstSent_ms: Infinity,
      lastSent_ms: Infinity,
      due_ms: Infinity,
    };
    this.#rows.set(row.id, row);
    return row;
  }

  has(id: number): boolean {
    return this.#rows.has(id);
  }

  /**
   * An attempt went into the port at `now_ms`; `rto_ms` is the timeout of a first attempt, `ahead_ms` the time that
   * what is queued before it needs on the wire.
   */
  sent(id: number, now_ms: number, rto_ms: number, ahead_ms: number): void {
    const row = this.#rows.get(id);
    if (row === undefined) return;
    row.firstSent_ms = Math.min(row.firstSent_ms, now_ms);
    row.lastSent_ms = now_ms;
    // The last attempt waits the whole 2 s: giving up is dearer than waiting.
    const timeout_ms =
      row.attempts + 1 >= MAX_ATTEMPTS ? MAX_RTO_MS : Math.min(MAX_RTO_MS, rto_ms * 2 ** row.attempts);
    row.attempts += 1;
    row.due_ms = Math.min(now_ms + timeout_ms + ahead_ms, row.firstSent_ms + REQUEST_LIMIT_MS);
  }

  /** Takes a request out because its reply came; `rtt_ms` is null for repeated ones (Karn's rule). */
  settle(id: number, now_ms: number): { context: T; rtt_ms: number | null } | undefined {
    const row = this.#rows.get(id);
    if (row === undefined) return undefined;
    this.#rows.delete(id);
    return { context: row.context, rtt_ms: row.attempts === 1 ? now_ms - row.lastSent_ms : null };
  }

  /** Requests whose time is up: those to send again (they wait until sent() is told), and those given up. */
  expire(now_ms: number): { again: PendingRequest<T>[]; givenUp: PendingRequest<T>[] } {
    const again: PendingRequest<T>[] = [];
    const givenUp: PendingRequest<T>[] = [];
    for (const row of this.#rows.values()) {
      if (row.due_ms > now_ms) continue;
      const isOver = row.attempts >= MAX_ATTEMPTS || now_ms - row.firstSent_ms >= REQUEST_LIMIT_MS;
      row.due_ms = Infinity;
      (isOver ? givenUp : again).push(row);
    }
    for (const row of givenUp) this.#rows.delete(row.id);
    return { again, givenUp };
  }

  /** When expire() has something to do next, or Infinity. */
  get nextDue_ms(): number {
    let due = Infinity;
    for (const row of this.#rows.values()) due = Math.min(due, row.due_ms);
    return due;
  }

  /** Empties the table, for a link that is over. */
  drain(): PendingRequest<T>[] {
    const rows = [...this.#rows.values()];
    this.#rows.clear();
    return rows;
  }
}
