// The telemetry of one device as the service keeps it: subscribes at every session, keeps the latest reading and a day of
// history, and says honestly when there is none or when it is old.
import type { Clock } from '../../clock/clock.ts';
import type { Event, Link } from '../../link/index.ts';
import type { DeviceReason } from '../errors.ts';
import type { DeviceCapabilities } from '../types.ts';
import { TelemetryHistory, type Series, type SeriesQuery, type TelemetryValues } from './history.ts';
import { valuesOf } from './metrics.ts';

export const PERIOD_DEFAULT_MS = 1_000;
/** A reading is stale when so many that should have followed it are missing, and not before STALE_MIN_MS. */
const MISSED_MAX = 5;
const STALE_MIN_MS = 10_000;
/** A reading that was asked for takes a round trip; a line that is full drops it. */
const NOW_MS = 1_000;

export interface TelemetryReading {
  /** Of the device's clock at the host, when it arrived. */
  at_ms: number;
  /** Device time since its boot. */
  uptime_s: number;
  values: TelemetryValues;
}

export interface TelemetryStatus {
  latest: (TelemetryReading & { age_s: number }) | null;
  /** Why there is no fresh reading; null: there is one. */
  reason: DeviceReason | null;
  /** What was subscribed to; null without a subscription. */
  period_s: number | null;
  /** Older readings are stale. */
  maxAge_s: number;
  /** Grows with every reading. */
  readings: number;
}

interface Subscription {
  link: Link;
  period_ms: number;
  mask: number;
}

type Log = (level: 'info' | 'warn' | 'error', message: string, fields: object) => void;

export class TelemetryFeed {
  readonly #clock: Clock;
  readonly #period_ms: number;
  readonly #log: Log;
  readonly #history = new TelemetryHistory();
  readonly #listeners = new Set<() => void>();
  #uid: string | null = null;
  #hasSensors: boolean | null = null;
  #subscription: Subscription | null = null;
  #latest: TelemetryReading | null = null;
  #readings = 0;

  constructor(options: { clock: Clock; period_ms?: number; log: Log }) {
    this.#clock = options.clock;
    this.#period_ms = options.period_ms ?? PERIOD_DEFAULT_MS;
    this.#log = options.log;
  }

  /** A session began. What is kept belongs to one device: another uid starts over. */
  attach(link: Link, { telemetry }: DeviceCapabilities): void {
    const { uid } = link.identity;
    if (this.#uid !== uid) this.#forget();
    this.#uid = uid;
    this.#hasSensors = telemetry !== null;
    this.#subscription = null;
    if (telemetry === null) return;
    const least_ms = telemetry.periodMin_s * 1000;
    const period_ms = Math.round(Math.min(Math.max(this.#period_ms, least_ms), telemetry.periodMax_s * 1000));
    const subscription = { link, period_ms, mask: telemetry.mask };
    this.#subscription = subscription;
    link.onEvent((event) => {
      if (this.#subscription === subscription) this.#take(event);
    });
    link.subscribeTelemetry(period_ms, telemetry.mask).catch((error: unknown) => {
      if (this.#subscription !== subscription) return;
      this.#log('warn', 'telemetry was not subscribed to', { error });
    });
  }

  /** The session ended; what is kept stays, and grows old. */
  detach(): void {
    this.#subscription = null;
  }

  get status(): TelemetryStatus {
    const latest = this.#latest;
    const age_ms = latest === null ? null : Math.max(0, this.#clock.wall_ms() - latest.at_ms);
    const maxAge_ms = this.#maxAge_ms;
    return {
      latest: latest && { ...latest, age_s: (age_ms ?? 0) / 1000 },
      reason: this.#reason(age_ms, maxAge_ms),
      period_s: this.#subscription && this.#subscription.period_ms / 1000,
      maxAge_s: maxAge_ms / 1000,
      readings: this.#readings,
    };
  }

  /** Calls back after every reading; returns what ends it. Callbacks must not throw. */
  onReading(callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  /**
   * What the sensors say now, or within a round trip: subscribes again, which the device answers with a reading at once. The
   * period then counts from here. Null: no sensors, no link, or no reading in time. Never rejects.
   */
  async readNow(): Promise<TelemetryReading | null> {
    const subscription = this.#subscription;
    const mask = subscription?.mask;
    if (subscription === null || mask === undefined) return null;
    const before = this.#readings;
    const { link, period_ms } = subscription;
    try {
      await link.subscribeTelemetry(period_ms, mask);
    } catch {
      return null;
    }
    if (this.#readings === before) await this.#nextReading();
    return this.#subscription === subscription && this.#readings > before ? this.#latest : null;
  }

  series(query: SeriesQuery): Series {
    return this.#history.series(query);
  }

  /** The next reading, or the end of patience. */
  #nextReading(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#listeners.delete(done);
        timer.cancel();
        resolve();
      };
      const timer = this.#clock.after(NOW_MS, done);
      this.#listeners.add(done);
    });
  }

  get #maxAge_ms(): number {
    return Math.max(STALE_MIN_MS, MISSED_MAX * (this.#subscription?.period_ms ?? this.#period_ms));
  }

  #reason(age_ms: number | null, maxAge_ms: number): DeviceReason | null {
    if (this.#hasSensors === null)
      return {
        code: 'not-connected',
        message: 'the device has not answered yet',
        remedy: 'Wait until it is ready; GET /v1/devices/{id} shows why it is not.',
      };
    if (!this.#hasSensors)
      return {
        code: 'no-sensors',
        message: 'the device says that it has no telemetry (telemetry_mask 0)',
        remedy: 'Nothing is missing: its board or its firmware has no sensors.',
      };
    if (this.#subscription === null)
      return {
        code: 'link-down',
        message: 'there is no link to the device; what is shown is what it said last',
        remedy: 'Wait until it is ready; GET /v1/devices/{id} shows why it is not.',
      };
    if (age_ms === null)
      return {
        code: 'no-reading-yet',
        message: 'no reading has come since the device was connected',
        remedy: 'Wait for a period; if none comes, look at the log of the service.',
      };
    if (age_ms > maxAge_ms)
      return {
        code: 'stale',
        message: `the last reading is ${(age_ms / 1000).toFixed(0)} s old`,
        remedy: 'Look at the link counters: readings are the first that a full line drops.',
      };
    return null;
  }

  #take(event: Event): void {
    if (event.body?.type !== 'telemetry') return;
    const { atUs, mask, value } = event.body.value;
    const reading = {
      at_ms: this.#clock.wall_ms(),
      uptime_s: Number(atUs) / 1e6,
      values: valuesOf(mask, value),
    };
    this.#latest = reading;
    this.#readings += 1;
    this.#history.add(reading.at_ms, reading.values);
    for (const listener of [...this.#listeners]) listener();
  }

  #forget(): void {
    this.#history.clear();
    this.#latest = null;
  }
}
