// Writes what drift means for jobs that have ended: when a change of a chip becomes known, for those before and around it, and for
// every job that ends while the change stands.
import { driftSide, signAddendum, type DriftSide } from '../../certificate/index.ts';
import type { JobEvent, JobResult } from '../../jobs/index.ts';
import type { DriftEventRow, JobRow } from '../../store/index.ts';
import type { ServiceOptions } from '../context.ts';
import { toTime } from '../schemas/common.ts';

/** The newest jobs of a device that are told of a change. */
const JOBS_MAX = 500;
/** Longer ago nobody doubts them. */
const DAY_MS = 86_400_000;

type Parts = Pick<ServiceOptions, 'store' | 'clock' | 'certificateKeys' | 'version' | 'runner' | 'logger'>;

export interface Addendum {
  job: JobRow;
  event: DriftEventRow;
  side: DriftSide;
}

export class Addenda {
  readonly #parts: Parts;
  readonly #listeners = new Set<(addendum: Addendum) => void>();
  readonly #stop: () => void;
  #work: Promise<void> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#stop = parts.runner.onEvent((event) => this.#on(event));
  }

  /** Calls back after each that was written; returns what ends it. */
  onAdded(callback: (addendum: Addendum) => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  /** Resolves when what has begun is written. */
  async close(): Promise<void> {
    this.#stop();
    await this.#work;
    this.#listeners.clear();
  }

  #on(event: JobEvent): void {
    if (event.type === 'drift.event' && event.event.endedAt_ms === null)
      this.#then(() => this.#changed(event.event));
    if (event.type === 'job.state' && event.job.state === 'succeeded' && !event.elsewhere)
      this.#then(() => this.#ended(event.job));
  }

  /** One after the other, so that nobody waits long for the store. */
  #then(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.#parts.logger?.warn({ err: error }, 'an addendum could not be written');
    });
  }

  async #changed(event: DriftEventRow): Promise<void> {
    const jobs = await this.#parts.store.jobs.list({
      device: event.device,
      state: 'succeeded',
      limit: JOBS_MAX,
    });
    for (const job of jobs)
      if ((job.finishedAt_ms ?? 0) >= event.lastGood_ms - DAY_MS) await this.#add(job, event);
  }

  async #ended(job: JobRow): Promise<void> {
    const events = await this.#parts.store.drift.events({ device: job.device, open: true });
    for (const event of events) await this.#add(job, event);
  }

  async #add(job: JobRow, event: DriftEventRow): Promise<void> {
    const { store, clock, certificateKeys, version } = this.#parts;
    const result = job.result as unknown as JobResult | null;
    const from_ms = job.attempts.at(-1)?.startedAt_ms ?? job.startedAt_ms;
    const to_ms = job.finishedAt_ms;
    if (result === null || from_ms === null || to_ms === null) return;
    if (result.provenance.deviceUid !== event.deviceUid) return;
    const side = driftSide({ from_ms, to_ms }, event);
    const { id, device, deviceUid, quantity, element, value_ratio, stderr_ratio, z } = event;
    const document = signAddendum(
      {
        job: {
          id: job.id,
          startedAt: toTime(from_ms),
          finishedAt: toTime(to_ms),
          samplesDigest: result.samples.blob,
        },
        drift: {
          event: id,
          device,
          deviceUid,
          quantity,
          element,
          value_ratio,
          stderr_ratio,
          z,
          lastGood: toTime(event.lastGood_ms),
          alarm: toTime(event.alarm_ms),
        },
        ranges: [{ from: 0, to: result.samples.shape[0], side }],
        issued: { at: toTime(clock.wall_ms()), serviceVersion: version },
      },
      { keyId: certificateKeys.current, sign: (bytes) => certificateKeys.sign(bytes) },
    );
    await store.drift.addAddendum({
      jobId: job.id,
      event: id,
      signingKey: certificateKeys.current,
      document,
    });
    for (const listener of this.#listeners) listener({ job, event, side });
  }
}
