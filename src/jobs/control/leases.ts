// Who has a device to himself, as this process knows it; leases end by themselves, with an entry in the audit.
import type { Clock, Timer } from '../../clock/clock.ts';
import type { Repositories, Store, UseLeaseRow } from '../../store/index.ts';

/** Not sooner: the clock of the database, which decides, may be a little behind. */
const LATE_MS = 5;
const AGAIN_MS = 2_000;
/** Timers of the machine take no longer delays. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface LeaseWatchOptions {
  store: Store;
  clock: Clock;
  /** Of these devices the holder is another one now. */
  onChange: (devices: readonly string[]) => void;
  onError: (error: unknown) => void;
}

export class LeaseWatch {
  readonly #options: LeaseWatchOptions;
  #active = new Map<string, UseLeaseRow>();
  #timer: Timer | null = null;
  #isFirst = true;
  #closed = false;

  constructor(options: LeaseWatchOptions) {
    this.#options = options;
  }

  /** The lease that lasts; null: everybody may use the device. */
  of(device: string): UseLeaseRow | null {
    const lease = this.#active.get(device);
    return lease !== undefined && lease.expiresAt_ms > this.#options.clock.wall_ms() ? lease : null;
  }

  /** Looks into the store: after every change, also one of another host, and when one is due to end. */
  async refresh(): Promise<void> {
    const { store, clock } = this.#options;
    const now_ms = clock.wall_ms();
    const isDue = [...this.#active.values()].some((lease) => lease.expiresAt_ms <= now_ms);
    if (isDue || this.#isFirst) await store.transaction((tx) => expireLeases(tx));
    this.#isFirst = false;
    const rows = await store.useLeases.active();
    if (this.#closed) return;
    const before = this.#active;
    this.#active = new Map(rows.map((lease) => [lease.device, lease]));
    this.#setTimer();
    const devices = new Set([...before.keys(), ...this.#active.keys()]);
    const changed = [...devices].filter((device) => before.get(device)?.id !== this.#active.get(device)?.id);
    if (changed.length > 0) this.#options.onChange(changed);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #setTimer(delay_ms?: number): void {
    this.#timer?.cancel();
    this.#timer = null;
    const ends = [...this.#active.values()].map((lease) => lease.expiresAt_ms);
    if (ends.length === 0 && delay_ms === undefined) return;
    const { clock, onError } = this.#options;
    const due_ms = delay_ms ?? Math.max(0, Math.min(...ends) - clock.wall_ms()) + LATE_MS;
    this.#timer = clock.after(Math.min(due_ms, TIMER_MAX_MS), () => {
      this.refresh().catch((error: unknown) => {
        onError(error);
        if (!this.#closed) this.#setTimer(AGAIN_MS);
      });
    });
  }
}

/** Ends leases that are over, each with its entry in the audit; call it before a new one is taken. */
export async function expireLeases(tx: Repositories): Promise<UseLeaseRow[]> {
  const expired = await tx.useLeases.expire();
  for (const { id, keyId, device } of expired)
    await tx.audit.append({
      keyId,
      action: 'lease.expire',
      target: id,
      outcome: 'done',
      correlationId: null,
      detail: { device },
    });
  return expired;
}
