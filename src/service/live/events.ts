// The one source of events: what the runner and the devices do becomes one numbered stream, each event once. WebSocket, SSE
// and webhooks read from it; the last minutes are kept for those that come back.
import type { Timer } from '../../clock/clock.ts';
import type { JobEvent, JobView } from '../../jobs/index.ts';
import type { Addenda, Addendum } from '../certificates/addenda.ts';
import type { ServiceContext, ServiceDevice } from '../context.ts';
import { calibrationBackend, calibrationView } from '../schemas/calibrations.ts';
import { toTime } from '../schemas/common.ts';
import { deviceView } from '../schemas/devices.ts';
import { driftEventView, driftNowView } from '../schemas/drift.ts';
import { jobBackend, publishedJobView } from '../schemas/jobs.ts';
import { latestView } from '../schemas/telemetry.ts';
import { LiveEvent, type EventFacts } from './live-event.ts';
import { linkStatsView } from './link-stats.ts';
import type { EventTopic, Topic } from './messages.ts';
import { EventRing } from './ring.ts';
import { DRIFT_TOP } from './snapshot.ts';
import type { EventMessage } from './server-messages.ts';

/** Longer than a browser or a proxy needs to come back; a job event is 2 to 3 kB, so that 16 MB are thousands. */
export const RESUME_WINDOW_MS = 120_000;
const RESUME_BYTES_MAX = 16 * 2 ** 20;
const LINK_STATS_EVERY_MS = 1_000;
/** A device on virtual time may tell its sensors thousands of times a second. */
const TELEMETRY_EVERY_MS = 100;

type Parts = Pick<ServiceContext, 'runner' | 'devices' | 'controls' | 'clock' | 'epoch'> & {
  /** What certificates have to add; absent: nothing tells. */
  addenda?: Pick<Addenda, 'onAdded'>;
};
type DataOf<T extends EventTopic> = Extract<EventMessage, { topic: T }>['data'];
type Facts = Omit<EventFacts, 'subscription' | 'final'> & { final?: boolean };

export class LiveEvents {
  readonly epoch: string;
  readonly ring: EventRing<LiveEvent>;
  readonly #parts: Parts;
  readonly #listeners = new Set<(event: LiveEvent) => void>();
  readonly #stops: (() => void)[] = [];
  /** Owner of each job that runs, for progress events, which carry the id alone. */
  readonly #owners = new Map<string, string | null>();
  /** How many listen to a topic that is made only while somebody does. */
  readonly #demand = new Map<Topic, number>();
  readonly #toldTelemetry_ms = new Map<string, number>();
  #linkTimer: Timer | null = null;

  constructor(parts: Parts, limits = { window_ms: RESUME_WINDOW_MS, bytesMax: RESUME_BYTES_MAX }) {
    this.#parts = parts;
    this.epoch = parts.epoch;
    this.ring = new EventRing(limits);
    this.#stops.push(parts.runner.onEvent((event) => this.#onRunner(event)));
    const stop = parts.addenda?.onAdded((addendum) => this.#onAddendum(addendum));
    if (stop !== undefined) this.#stops.push(stop);
    for (const device of parts.devices.values()) {
      this.#stops.push(device.onChange(() => this.#onDevice(device)));
      const quiet = device.telemetry.onReading?.(() => this.#onTelemetry(device));
      if (quiet !== undefined) this.#stops.push(quiet);
    }
    const onControl = (id: string): void => {
      const device = parts.devices.get(id);
      if (device !== undefined) this.#onDevice(device);
    };
    this.#stops.push(parts.controls.onChange(onControl));
  }

  /** Number of the last event. */
  get seq(): number {
    return this.ring.last;
  }

  /** Calls back after every event; returns what ends it. */
  onEvent(callback: (event: LiveEvent) => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  /** Telemetry and link.stats are made while somebody wants them; returns what ends the wish. */
  want(topic: Topic): () => void {
    this.#demand.set(topic, this.#wanted(topic) + 1);
    if (topic === 'link.stats') this.#linkTimer ??= this.#nextLinkStats();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#demand.set(topic, this.#wanted(topic) - 1);
    };
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#linkTimer?.cancel();
    this.#linkTimer = null;
    this.#listeners.clear();
  }

  #wanted(topic: Topic): number {
    return this.#demand.get(topic) ?? 0;
  }

  #onRunner(event: JobEvent): void {
    switch (event.type) {
      case 'job.state':
        return this.#onJob(event.job);
      case 'job.progress': {
        const { id, device, progress } = event;
        const facts = { device, job: id, owner: this.#owners.get(id) ?? null, droppable: true };
        return this.#tell('job.*', event.type, facts, this.#backendOf(device), { id, progress });
      }
      case 'calibration.state': {
        const { calibration } = event;
        const { device } = calibration;
        const final = calibration.finishedAt_ms !== null;
        const facts = { device, job: null, owner: null, droppable: false, final };
        const measured = calibrationBackend(calibration) as EventMessage['backend'];
        const backend = measured ?? this.#backendOf(device);
        return this.#tell('calibration.*', event.type, facts, backend, calibrationView(calibration));
      }
      case 'calibration.progress': {
        const { id, device, progress } = event;
        const facts = { device, job: null, owner: null, droppable: true };
        return this.#tell('calibration.*', event.type, facts, this.#backendOf(device), { id, progress });
      }
      case 'drift.round': {
        const { device, drift } = event;
        const facts = { device, job: null, owner: null, droppable: true };
        const view = driftNowView(drift, this.#parts.clock.wall_ms(), DRIFT_TOP);
        return this.#tell('drift', event.type, facts, this.#backendOf(device), view);
      }
      case 'drift.event': {
        const { device } = event;
        const facts = { device, job: null, owner: null, droppable: false };
        return this.#tell('drift', event.type, facts, this.#backendOf(device), driftEventView(event.event));
      }
    }
  }

  #onAddendum({ job, event, side }: Addendum): void {
    const facts = { device: job.device, job: job.id, owner: job.keyId, droppable: false };
    const data = { id: job.id, drift: driftEventView(event), side };
    this.#tell('job.*', 'job.addendum', facts, this.#backendOf(job.device), data);
  }

  #onJob(job: JobView): void {
    const { devices } = this.#parts;
    const final = job.finishedAt_ms !== null;
    if (final) this.#owners.delete(job.id);
    else this.#owners.set(job.id, job.keyId);
    const facts = { device: job.device, job: job.id, owner: job.keyId, droppable: false, final };
    this.#tell('job.*', 'job.state', facts, jobBackend(job, devices), publishedJobView(job, devices));
  }

  #onDevice(device: ServiceDevice): void {
    const facts = { device: device.id, job: null, owner: null, droppable: false };
    this.#tell(
      'device.state',
      'device.state',
      facts,
      device.backend,
      deviceView(device, null, this.#parts.controls.of(device.id)),
    );
  }

  #onTelemetry(device: ServiceDevice): void {
    if (this.#wanted('telemetry') === 0) return;
    const now_ms = this.#parts.clock.now_ms();
    if (now_ms - (this.#toldTelemetry_ms.get(device.id) ?? -Infinity) < TELEMETRY_EVERY_MS) return;
    this.#toldTelemetry_ms.set(device.id, now_ms);
    const facts = { device: device.id, job: null, owner: null, droppable: true };
    this.#tell('telemetry', 'telemetry', facts, device.backend, latestView(device));
  }

  #nextLinkStats(): Timer {
    return this.#parts.clock.after(LINK_STATS_EVERY_MS, () => {
      this.#linkTimer = this.#wanted('link.stats') > 0 ? this.#nextLinkStats() : null;
      if (this.#linkTimer === null) return;
      for (const device of this.#parts.devices.values()) {
        const counters = device.counters?.();
        const stats = counters === undefined ? null : linkStatsView(device.id, counters);
        const facts = { device: device.id, job: null, owner: null, droppable: true };
        if (stats !== null) this.#tell('link.stats', 'link.stats', facts, device.backend, stats);
      }
    });
  }

  #backendOf(device: string): EventMessage['backend'] {
    return this.#parts.devices.get(device)?.backend ?? null;
  }

  #tell<T extends EventTopic>(
    subscription: Topic,
    topic: T,
    facts: Facts,
    backend: EventMessage['backend'],
    data: DataOf<T>,
  ): void {
    const at_ms = this.#parts.clock.wall_ms();
    const seq = this.seq + 1;
    const message = { type: 'event', topic, seq, time: toTime(at_ms), device: facts.device, backend, data };
    const event = new LiveEvent(message as EventMessage, at_ms, this.epoch, {
      final: false,
      ...facts,
      subscription,
    });
    this.ring.add(event);
    for (const listener of this.#listeners) listener(event);
  }
}
