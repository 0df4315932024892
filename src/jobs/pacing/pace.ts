// The pace of one run: how many samples the device may take next, and the wait before them. On a device that stays cool at any
// length of work, or of which too little is known, all of them at once.
import { sleep, type Clock } from '../../clock/clock.ts';
import { JobError } from '../errors.ts';
import type { RelaxResult } from '../../device/index.ts';
import type { HeldTime } from '../held-time.ts';
import type { BatchFacts, Pacing } from '../request.ts';
import { startOf_s, type Room, type ThermalWatch } from './watch.ts';

/** Samples of the first batch where it is not known yet how long one takes. */
const PROBE_SAMPLES = 16;
/** Of the room that there is so much is used: the samples of a job do not all take as long. */
const USED_SHARE = 0.8;
/** And no batch is longer: it may become warmer around the device meanwhile. */
const BATCH_MAX_S = 10;
/** While waiting, the sensors are looked at again after so long. */
const LOOK_EVERY_MS = 1_000;
const LOOK_MIN_MS = 20;
/** A run that has waited for so long in one go ends: the surroundings are what has to change. */
export const LONGEST_PAUSE_MS = 600_000;

export interface PaceOptions {
  /** Null: pacing is off. */
  watch: Pick<ThermalWatch, 'room' | 'look'> | null;
  /** Of the device. */
  clock: Clock;
  deviceTime: Pick<HeldTime, 'during'>;
  signal: AbortSignal;
  onPause?: (detail: string) => void;
}

export class Pace {
  readonly #options: PaceOptions;
  #perSample_s: number | null = null;
  #paused_ms = 0;
  #isParted = false;
  readonly #batches: BatchFacts[] = [];

  constructor(options: PaceOptions) {
    this.#options = options;
  }

  /** How long the run has waited for the die to cool. */
  get paused_s(): number {
    return this.#paused_ms / 1000;
  }

  /** A batch has run on the device. */
  ran({ samples, seed, digest, timing }: Pick<RelaxResult, 'samples' | 'seed' | 'digest' | 'timing'>): void {
    this.#batches.push({ samples, seed, wireDigest: digest });
    if (samples > 0) this.#perSample_s = Math.max(timing.relax_s / samples, 1e-9);
  }

  /** What of it stands in the result; null: the job ran as it would have on a cool device. */
  facts(): Pacing | null {
    const { paused_s } = this;
    return this.#isParted || paused_s > 0 ? { paused_s, batches: [...this.#batches] } : null;
  }

  /**
   * Samples of the next batch, at most `wanted`; resolves when there is room for them.
   * @throws {JobError} device-too-hot: not even one sample would ever fit, or there was no room for ten minutes
   */
  async next(wanted: number): Promise<number> {
    const { watch, clock, deviceTime, signal } = this.#options;
    if (watch === null || isFree(watch.room())) return wanted;
    const from_ms = clock.now_ms();
    for (let isFirst = true; ; isFirst = false) {
      signal.throwIfAborted();
      await deviceTime.during(() => watch.look());
      const room = watch.room();
      if (room === null || isFree(room)) return wanted;
      const samples = this.#fitting(wanted, room);
      if (samples > 0) {
        if (samples < wanted) this.#isParted = true;
        return samples;
      }
      if (isFirst)
        this.#options.onPause?.(`the die is at ${room.now.die_C.toFixed(1)} C: waiting for it to cool`);
      if (clock.now_ms() - from_ms > LONGEST_PAUSE_MS)
        throw tooHot('there was no room for work for ten minutes');
      await this.#pause(room);
    }
  }

  /** 0: none now. */
  #fitting(wanted: number, room: Room): number {
    const perSample_s = this.#perSample_s;
    const start_s = startOf_s(room);
    if (perSample_s === null) return room.room_s >= start_s ? Math.min(wanted, PROBE_SAMPLES) : 0;
    if (perSample_s > room.roomAtRest_s && room.roomAtRest_s > 0)
      throw tooHot('one sample of the job would take the die above its limit, even from rest');
    if (room.room_s < Math.max(perSample_s, Math.min(start_s, wanted * perSample_s))) return 0;
    const batch_s = Math.min(USED_SHARE * room.room_s, BATCH_MAX_S);
    return Math.min(wanted, Math.max(1, Math.floor(batch_s / perSample_s)));
  }

  async #pause({ forecast, now, ...room }: Room): Promise<void> {
    const { clock, deviceTime, signal } = this.#options;
    const wait_ms = 1000 * forecast.waitFor_s(now, Math.min(startOf_s({ ...room }), 1e6));
    const delay_ms = Math.min(LOOK_EVERY_MS, Math.max(LOOK_MIN_MS, wait_ms));
    const from_ms = clock.now_ms();
    await deviceTime.during(() => sleep(clock, delay_ms, signal)).catch(() => signal.throwIfAborted());
    this.#paused_ms += clock.now_ms() - from_ms;
  }
}

/** Nothing stands in the way of work without end, as far as that is known. */
const isFree = (room: Room | null): boolean => room === null || room.isFree;

const tooHot = (why: string): JobError => new JobError('device-too-hot', why);
