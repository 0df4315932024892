// Moves a virtual clock within one process: at a multiple of real time, or from timer to timer as fast as the work allows.
import { systemClock, type Clock } from './clock.ts';
import { Pace } from './pace.ts';
import { settle } from './settle.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** A paced clock moves at least this often, so that what comes from outside meets about the right time. */
const SLICE_MS = 10;

export class VirtualTime {
  readonly clock: VirtualClock;
  readonly #real: Clock;
  readonly #speed: number | 'max';
  #stopped = true;
  #loop: Promise<void> = Promise.resolve();

  /** Nothing moves before start(). `real` is what a speed is measured against. */
  constructor(clock: VirtualClock, options: { speed: number | 'max'; real?: Clock }) {
    this.clock = clock;
    this.#speed = options.speed;
    this.#real = options.real ?? systemClock;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.clock.setSpeed(this.#speed);
    this.#loop = this.#loop.then(() => this.#run());
  }

  /** Time stands still once it resolves. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.clock.touch();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock } = this;
    const pace = new Pace(this.#speed, this.#real.now_ms(), clock.now_us);
    while (await settle(clock, () => this.#stopped)) {
      const real_ms = this.#real.now_ms();
      const target_us = Math.min(clock.nextDue_us, pace.allowed_us(real_ms, clock.now_us));
      if (target_us > clock.now_us && target_us < Infinity) clock.advanceTo(target_us);
      else await this.#pause(pace.wait_ms(real_ms, clock.nextDue_us));
    }
  }

  /** Until something happens, or it is time for the next slice of a paced clock. */
  #pause(wait_ms: number): Promise<void> {
    return new Promise((resolve) => {
      const changed = (): void => {
        timer?.cancel();
        resolve();
      };
      const forget = this.clock.onceChanged(changed);
      const slice = (): void => {
        forget();
        resolve();
      };
      const timer = this.#speed === 'max' ? null : this.#real.after(Math.min(SLICE_MS, wait_ms), slice);
    });
  }
}
