// The last day of readings in a ring of fixed size: one slot for every few seconds, which keeps the last reading that fell
// into it. Pure: times are arguments.
import { telemetryMetrics, type TelemetryMetric } from './metrics.ts';

/** 5 s: a die follows its power within a second or more, and a day of it is 2 MB. */
export const SLOT_MS = 5_000;
export const HISTORY_MS = 86_400_000;
const SLOTS = HISTORY_MS / SLOT_MS;

export type TelemetryValues = Partial<Record<TelemetryMetric, number | null>>;

export interface SeriesQuery {
  from_ms: number;
  to_ms: number;
  /** At least SLOT_MS. */
  step_ms: number;
  metrics: readonly TelemetryMetric[];
}

export interface Series {
  /** When each reading was taken; steps without one are left out. */
  at_ms: number[];
  /** By metric, one value for each time; null: the sensor gave nothing. */
  values: Partial<Record<TelemetryMetric, (number | null)[]>>;
}

export class TelemetryHistory {
  /** Allotted at the first reading: a device without sensors costs nothing. NaN: no reading. */
  #at_ms: Float64Array | null = null;
  #values = new Float64Array(0);

  /** Bytes that it holds; they do not grow with readings. */
  get bytes(): number {
    return (this.#at_ms?.byteLength ?? 0) + this.#values.byteLength;
  }

  add(at_ms: number, values: TelemetryValues): void {
    if (!Number.isFinite(at_ms)) return;
    const times = (this.#at_ms ??= this.#allot());
    const slot = slotOf(at_ms);
    times[slot] = at_ms;
    telemetryMetrics.forEach((metric, column) => {
      this.#values[slot * telemetryMetrics.length + column] = values[metric] ?? NaN;
    });
  }

  /** Of every step within [from, to] the last reading. */
  series({ from_ms, to_ms, step_ms, metrics }: SeriesQuery): Series {
    const picked = this.#picked(from_ms, to_ms, step_ms);
    const values: Series['values'] = {};
    for (const metric of metrics) {
      const column = telemetryMetrics.indexOf(metric);
      values[metric] = picked.map((slot) => {
        const value = this.#values[slot * telemetryMetrics.length + column];
        return Number.isNaN(value) ? null : value;
      });
    }
    return { at_ms: picked.map((slot) => this.#at_ms?.[slot] ?? 0), values };
  }

  clear(): void {
    this.#at_ms = null;
    this.#values = new Float64Array(0);
  }

  /** Slots in the order of their readings, at most one of each step. */
  #picked(from_ms: number, to_ms: number, step_ms: number): number[] {
    const times = this.#at_ms;
    if (times === null) return [];
    const slots: number[] = [];
    let step = -1;
    const first = Math.max(from_ms, to_ms - HISTORY_MS + SLOT_MS);
    for (let number = Math.floor(first / SLOT_MS); number <= Math.floor(to_ms / SLOT_MS); number++) {
      const slot = slotOf(number * SLOT_MS);
      const at_ms = times[slot];
      // A slot of another day, or outside the ends: not asked for.
      if (!(Math.floor(at_ms / SLOT_MS) === number && at_ms >= from_ms && at_ms <= to_ms)) continue;
      const into = Math.floor((at_ms - from_ms) / step_ms);
      if (into === step) slots[slots.length - 1] = slot;
      else slots.push(slot);
      step = into;
    }
    return slots;
  }

  #allot(): Float64Array {
    this.#values = new Float64Array(SLOTS * telemetryMetrics.length).fill(NaN);
    return new Float64Array(SLOTS).fill(NaN);
  }
}

const slotOf = (at_ms: number): number => ((Math.floor(at_ms / SLOT_MS) % SLOTS) + SLOTS) % SLOTS;
