// Holds the lease of one device for this host: takes it when it is free, renews it, and knows at every moment whether the
// chip may still be driven. That moment is judged by the monotonic clock, from before the store was asked: a process that
// was frozen, or waited long for its answer, finds its lease over before it does anything else.
import type { Clock, Timer } from '../../clock/clock.ts';
import type { LeaseRepository } from '../../store/index.ts';

/** The share of a term before its end at which driving stops, so that the chip can still be told to. */
const STOP_BEFORE_RATIO = 1 / 5;
/** The share of a term before its end at which no byte goes to the chip any more. */
const SILENT_BEFORE_RATIO = 1 / 10;
/** Renewed three times a term: two may fail. Who does not hold it asks as often. */
const ASK_RATIO = 1 / 3;

const TAKEN = 'another host took it over';
const LATE = 'it was not renewed in time';

export interface KeeperOptions {
  device: string;
  /** Who asks: the id of this host. */
  holder: string;
  leases: Pick<LeaseRepository, 'acquire' | 'renew' | 'release' | 'find'>;
  term_ms: number;
  /** Its monotonic side counts. */
  clock: Clock;
  onLog(level: 'info' | 'warn' | 'error', message: string, fields: object): void;
}

/** What the floors above and below see of it. */
export interface DeviceLease {
  readonly holder: string;
  /** Under which the device may be driven now; null: not at all. */
  readonly fence: number | null;
  /** Whether bytes may still go to the chip in a session that began under `fence`. */
  mayWrite(fence: number): boolean;
  /** Calls back after it was taken or lost; returns what ends it. */
  onChange(callback: () => void): () => void;
}

interface Held {
  fence: number;
  /** When the term ends, by our monotonic clock, at the latest. */
  end_ms: number;
}

export class LeaseKeeper implements DeviceLease {
  readonly #options: KeeperOptions;
  readonly #listeners = new Set<() => void>();
  #held: Held | null = null;
  /** No longer driving, but nobody else can be yet: the chip may still be told to stop. */
  #leaving: Held | null = null;
  #ask: Timer | null = null;
  #over: Timer | null = null;
  #asking: Promise<void> | null = null;
  #closed = false;
  /** Who has it, as logged last. */
  #other = '';

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  get holder(): string {
    return this.#options.holder;
  }

  get fence(): number | null {
    return this.#held !== null && this.#isWithin(this.#held, STOP_BEFORE_RATIO) ? this.#held.fence : null;
  }

  mayWrite(fence: number): boolean {
    const session = this.#held?.fence === fence ? this.#held : this.#leaving;
    return session?.fence === fence && this.#isWithin(session, SILENT_BEFORE_RATIO);
  }

  onChange(callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  /** Asks for the first time, and goes on until close(). Never rejects: a store that is away is asked again. */
  start(): Promise<void> {
    return this.ask();
  }

  /** Asks now: the lease may have come free. */
  async ask(): Promise<void> {
    if (this.#closed) return;
    this.#asking ??= this.#askOnce().finally(() => {
      this.#asking = null;
    });
    await this.#asking;
  }

  /** Gives the lease back, so that another host need not wait for its end. The device must not be driven any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#ask?.cancel();
    await this.#asking;
    this.#over?.cancel();
    const { leases, device } = this.#options;
    const held = this.#held;
    this.#held = this.#leaving = null;
    if (held === null) return;
    try {
      await leases.release(device, held.fence);
    } catch (error) {
      this.#log('warn', 'the lease of a device could not be given back; it ends by itself', { error });
    }
  }

  async #askOnce(): Promise<void> {
    this.#ask?.cancel();
    const { leases, device, holder, term_ms, clock } = this.#options;
    const sent_ms = clock.now_ms();
    const held = this.#held;
    try {
      if (held === null) {
        const lease = await leases.acquire(device, holder, term_ms);
        if (lease !== null) this.#hold({ fence: lease.fence, end_ms: sent_ms + term_ms });
        else await this.#logOther();
      } else if (await leases.renew(device, held.fence, term_ms)) {
        held.end_ms = sent_ms + term_ms;
      } else if (this.#held === held) {
        this.#lose(TAKEN);
      }
    } catch (error) {
      this.#log('warn', 'the lease of a device could not be asked for', { error });
    }
    this.#check();
    if (!this.#closed) this.#ask = clock.after(term_ms * ASK_RATIO, () => void this.ask());
  }

  #hold(held: Held): void {
    this.#held = held;
    this.#other = '';
    if (this.fence === null) return;
    this.#log('info', 'this host drives the device', { fence: held.fence });
    this.#changed();
  }

  /** Ends the lease when its time is over, else looks again at that time. */
  #check(): void {
    this.#over?.cancel();
    if (this.#held === null) return;
    if (this.fence === null) return this.#lose(LATE);
    const { clock, term_ms } = this.#options;
    const left_ms = this.#held.end_ms - term_ms * STOP_BEFORE_RATIO - clock.now_ms();
    this.#over = clock.after(Math.max(0, left_ms), () => this.#check());
  }

  #lose(why: string): void {
    this.#over?.cancel();
    this.#leaving = why === TAKEN ? null : this.#held;
    this.#held = null;
    this.#log('warn', 'this host no longer drives the device', { fence: this.#leaving?.fence, why });
    this.#changed();
  }

  #isWithin({ end_ms }: Held, beforeEnd_ratio: number): boolean {
    const { clock, term_ms } = this.#options;
    return clock.now_ms() < end_ms - term_ms * beforeEnd_ratio;
  }

  async #logOther(): Promise<void> {
    const { leases, device } = this.#options;
    const other = (await leases.find(device))?.holder ?? '';
    if (other !== this.#other) this.#log('info', 'another host drives the device', { holder: other });
    this.#other = other;
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #log(level: 'info' | 'warn' | 'error', message: string, fields: object): void {
    this.#options.onLog(level, message, { device: this.#options.device, ...fields });
  }
}
