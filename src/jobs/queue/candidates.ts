// The queued jobs of one device in the order in which they may run: by priority, then by turn of the keys, then by age.
// Read from the store in pages, so that it costs the same however many wait.
import type { JobRow, Store } from '../../store/index.ts';
import { KeyTurns } from './turns.ts';

const KEYS_AT_ONCE = 200;
/** Mostly the first may run. */
const JOBS_AT_ONCE = 4;

export class Candidates {
  readonly #device: string;
  readonly #jobs: Pick<Store['jobs'], 'topPriority' | 'queuedKeys' | 'queuedOf'>;
  readonly #turns = new Map<number, KeyTurns>();

  constructor(device: string, jobs: Pick<Store['jobs'], 'topPriority' | 'queuedKeys' | 'queuedOf'>) {
    this.#device = device;
    this.#jobs = jobs;
  }

  /** Jobs may leave the queue while they are read. */
  async *inOrder(): AsyncGenerator<JobRow, void> {
    const device = this.#device;
    let priority = await this.#jobs.topPriority(device);
    while (priority !== null) {
      const keys = await this.#keys(priority);
      for (const key of this.#turnsAt(priority).order(keys)) yield* this.#jobsOf(priority, key);
      priority = await this.#jobs.topPriority(device, priority);
    }
  }

  /** The job had the device for so long. */
  charge({ priority, keyId }: Pick<JobRow, 'priority' | 'keyId'>, took_ms: number): void {
    this.#turnsAt(priority).charge(keyId ?? '', took_ms);
  }

  async *#jobsOf(priority: number, key: string): AsyncGenerator<JobRow, void> {
    let after: JobRow | undefined;
    for (;;) {
      const turns = { device: this.#device, priority, key };
      const rows = await this.#jobs.queuedOf(turns, { limit: JOBS_AT_ONCE, ...(after && { after }) });
      yield* rows;
      after = rows.at(-1);
      if (rows.length < JOBS_AT_ONCE) return;
    }
  }

  async #keys(priority: number): Promise<string[]> {
    const keys: string[] = [];
    for (;;) {
      const page = { after: keys.at(-1) ?? null, limit: KEYS_AT_ONCE };
      const some = await this.#jobs.queuedKeys({ device: this.#device, priority }, page);
      keys.push(...some);
      if (some.length < KEYS_AT_ONCE) return keys;
    }
  }

  #turnsAt(priority: number): KeyTurns {
    const turns = this.#turns.get(priority) ?? new KeyTurns();
    this.#turns.set(priority, turns);
    return turns;
  }
}
