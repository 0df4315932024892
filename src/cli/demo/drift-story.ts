// The story of a coupling that moves, over REST only: jobs run one after the other, the fault is planted, the service names it, its
// calibration takes it into account, and addenda say on which side each sample lies.
import type { ThermoloopClient } from '../../client/index.ts';
import type { Progress } from '../progress.ts';

const LOOK_EVERY_MS = 250;
/** Between the end of a job and the next one, so that probes have the device in between. */
const JOB_PAUSE_MS = 400;
const SAMPLES = 100;

export interface DriftStoryOptions {
  device: string;
  /** Digest of the glyph model. */
  model: string;
  duration_s: number;
  /** Of the coupling that moves. */
  element: string;
  /** What jobs require; null: nothing. */
  maxCouplingDrift_ratio: number | null;
  /** Moves the coupling, through the control channel of the twin. */
  plant: () => Promise<void>;
  /** For each part of the story. */
  patience_s: number;
  signal: AbortSignal;
}

export interface DriftStory {
  element: string;
  /** From the planting to the alarm that named it. */
  named_within_s: number;
  value_ratio: number;
  stderr_ratio: number;
  z: number;
  lastGood: string;
  alarm: string;
  /** From the alarm to the end of the calibration. */
  recalibrated_after_s: number;
  calibration: string | null;
  jobs: number;
  /** Jobs that waited for the calibration. */
  held: number;
  /** Jobs by the side on which their addendum puts all their samples; `none`: they ended after the calibration. */
  sides: Record<'before' | 'uncertain' | 'after' | 'none', number>;
  /** Share of the device's time that probes took. */
  sentinel_share: number;
}

interface DriftEvent {
  id: string;
  quantity: string;
  element: string | null;
  value_ratio: number;
  stderr_ratio: number;
  z: number;
  lastGood: string;
  alarm: string;
  ended: string | null;
  calibration: string | null;
}
interface DriftAnswer {
  id: string;
  state: string;
  now: {
    quantities: { coupling: { isBaseline: boolean } | null };
    deviceTime: { probes_s: number; elapsed_s: number };
  } | null;
  events: DriftEvent[];
}

export async function driftStory(
  client: ThermoloopClient,
  options: DriftStoryOptions,
  progress: Progress,
): Promise<DriftStory> {
  const teller = new Teller(client, options);
  const jobs = teller.runJobs();
  try {
    const baseline = progress.step('baseline');
    await teller.until('the baseline', ({ now }) => now?.quantities.coupling?.isBaseline === false);
    baseline.end('six rounds of probes, and one that is compared with them');
    const named = progress.step('drift');
    const planted_ms = Date.now();
    await options.plant();
    const event = await teller.event('the alarm', () => true);
    const named_within_s = (Date.parse(event.alarm) - planted_ms) / 1000;
    named.end(`coupling ${event.element ?? '?'} named ${named_within_s.toFixed(0)} s after it moved`);
    const calibrate = progress.step('recalibrate');
    const ended = await teller.event('the calibration', ({ ended: at }) => at !== null);
    const recalibrated_after_s = (Date.parse(ended.ended ?? '') - Date.parse(event.alarm)) / 1000;
    calibrate.end(`${ended.calibration ?? '?'} after ${recalibrated_after_s.toFixed(0)} s`);
    const resume = progress.step('resume');
    const count = teller.ended.length;
    await teller.until('a job after it', () => teller.ended.length > count + 1);
    resume.end('jobs run again');
    teller.stop();
    await jobs;
    const { now } = await teller.look();
    const { element, value_ratio, stderr_ratio, z, lastGood, alarm } = ended;
    const sides = await teller.sides(ended.id);
    const { probes_s = 0, elapsed_s = 1 } = now?.deviceTime ?? {};
    return {
      element: element ?? '',
      named_within_s,
      value_ratio,
      stderr_ratio,
      z,
      lastGood,
      alarm,
      recalibrated_after_s,
      calibration: ended.calibration,
      jobs: teller.ended.length,
      held: teller.held.size,
      sides,
      sentinel_share: probes_s / elapsed_s,
    };
  } finally {
    teller.stop();
    await jobs.catch(() => undefined);
  }
}

/** Looks at the service, and keeps it busy. */
class Teller {
  readonly ended: string[] = [];
  readonly held = new Set<string>();
  readonly #client: ThermoloopClient;
  readonly #options: DriftStoryOptions;
  #isOver = false;

  constructor(client: ThermoloopClient, options: DriftStoryOptions) {
    this.#client = client;
    this.#options = options;
  }

  stop(): void {
    this.#isOver = true;
  }

  /** One job after the other; one that is held is waited for. */
  async runJobs(): Promise<void> {
    const { model, device, duration_s, maxCouplingDrift_ratio } = this.#options;
    while (!this.#isOver) {
      const { id } = await this.#client.json('POST', '/v1/jobs', {
        mode: 'relax',
        model,
        device: { id: device },
        relax: { duration_s },
        samples: { count: SAMPLES },
        // Before the first one there is no program to look at.
        ...(maxCouplingDrift_ratio !== null &&
          this.ended.length > 0 && { require: { maxCouplingDrift_ratio } }),
        onUnmet: 'wait',
      });
      for (let state = 'queued'; state !== 'succeeded' && !this.#isOver;) {
        ({ state } = await this.#client.json('GET', `/v1/jobs/${id}`, undefined, { prefer: 'wait=1' }));
        if (state === 'held') this.held.add(id);
        if (state === 'failed' || state === 'expired') throw new Error(`job ${id} ended as ${state}`);
        if (state === 'succeeded') this.ended.push(id);
      }
      await pause(JOB_PAUSE_MS);
    }
  }

  look(): Promise<DriftAnswer> {
    return this.#client.json<DriftAnswer>('GET', `/v1/devices/${this.#options.device}/drift?top=3`);
  }

  async until(what: string, enough: (answer: DriftAnswer) => boolean): Promise<DriftAnswer> {
    const { patience_s, signal } = this.#options;
    for (const end_ms = Date.now() + patience_s * 1000; Date.now() < end_ms; await pause(LOOK_EVERY_MS)) {
      signal.throwIfAborted();
      const answer = await this.look();
      if (enough(answer)) return answer;
    }
    throw new Error(`${what} did not come within ${patience_s} s`);
  }

  /** The event of the coupling that moved. */
  async event(what: string, enough: (event: DriftEvent) => boolean): Promise<DriftEvent> {
    let found: DriftEvent | undefined;
    await this.until(what, ({ events }) => {
      found = events.find(
        ({ quantity, element }) => quantity === 'coupling' && element === this.#options.element,
      );
      return found !== undefined && enough(found);
    });
    return found as DriftEvent;
  }

  async sides(event: string): Promise<DriftStory['sides']> {
    const sides: DriftStory['sides'] = { before: 0, uncertain: 0, after: 0, none: 0 };
    for (const id of this.ended) {
      const { items } = await this.#client.json<{
        id: string;
        state: string;
        items: { drift: { event: string }; ranges: { side: 'before' | 'uncertain' | 'after' }[] }[];
      }>('GET', `/v1/jobs/${id}/certificate/addenda`);
      const addendum = items.find(({ drift }) => drift.event === event);
      sides[addendum?.ranges[0].side ?? 'none']++;
    }
    return sides;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
