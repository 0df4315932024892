// Samples of running jobs on their way to viewers: binds a number to each attempt that somebody watches, writes each frame
// once for all, and says at the end whether the samples may be kept (decisions 17).
import type { JobResult, JobView, SampleSource, SampleWatcher } from '../../jobs/index.ts';
import type { Clock } from '../../clock/clock.ts';
import type { LiveClient } from './client.ts';
import type { SampleStreamView, ServerMessage } from './server-messages.ts';

const STREAMS_MAX = 65_535;
/** u16 stream, u16 zero, u32 first sample; then int16 codes, so that they lie on even bytes. */
export const FRAME_HEADER_BYTES = 8;

interface Open {
  view: SampleStreamView;
  source: SampleSource;
  /** When each client with an interval got its last frame. */
  sent_ms: WeakMap<LiveClient, number>;
}

export class SampleStreams implements SampleWatcher {
  readonly #clients: ReadonlySet<LiveClient>;
  readonly #clock: Clock;
  readonly #backendOf: (device: string) => SampleStreamView['backend'];
  /** By job; an attempt follows another, never runs beside it. */
  readonly #open = new Map<string, Open>();
  #lastId = 0;

  constructor(parts: {
    clients: ReadonlySet<LiveClient>;
    clock: Clock;
    backendOf: (device: string) => SampleStreamView['backend'];
  }) {
    this.#clients = parts.clients;
    this.#clock = parts.clock;
    this.#backendOf = parts.backendOf;
  }

  wants(source: SampleSource): boolean {
    for (const client of this.#clients) if (wantsOf(client, source) !== null) return true;
    return false;
  }

  onSamples(source: SampleSource, codes: Int16Array, firstSample: number): void {
    const open = this.#streamOf(source);
    const frame = sampleFrame(open.view.stream, firstSample, codes);
    for (const client of this.#clients) {
      const subscription = wantsOf(client, source);
      if (subscription === null) continue;
      if (!client.streams.has(open.view.stream)) {
        client.streams.add(open.view.stream);
        client.send({ type: 'stream', ...open.view });
      }
      if (subscription.minInterval_ms > 0) {
        const now_ms = this.#clock.now_ms();
        if (now_ms - (open.sent_ms.get(client) ?? -Infinity) < subscription.minInterval_ms) continue;
        open.sent_ms.set(client, now_ms);
      }
      client.sendFrame(frame);
    }
  }

  /** The state of a job has changed: its stream ends with the attempt. */
  onJob(job: JobView): void {
    const open = this.#open.get(job.id);
    if (open === undefined || job.state === 'running') return;
    const result = job.state === 'succeeded' ? (job.result as unknown as JobResult | null) : null;
    this.#end(open, result === null ? 'withdrawn' : 'verified', result?.samples.blob ?? null);
  }

  /** What can be watched now, of what the client may see. */
  views(client: LiveClient, filter: { device: string | null; job: string | null }): SampleStreamView[] {
    return [...this.#open.values()]
      .filter(({ source }) => client.mayHear('job.samples', source.keyId))
      .filter(({ source }) => filter.device === null || filter.device === source.device)
      .filter(({ source }) => filter.job === null || filter.job === source.job)
      .map(({ view }) => view);
  }

  #streamOf(source: SampleSource): Open {
    const known = this.#open.get(source.job);
    if (known !== undefined) {
      if (known.source.attempt === source.attempt) return known;
      this.#end(known, 'withdrawn', null);
    }
    const { job, attempt, device, shape, stateScale } = source;
    const view: SampleStreamView = {
      stream: this.#freeId(),
      job,
      attempt,
      device,
      backend: this.#backendOf(device),
      shape,
      dtype: 'int16',
      stateScale,
      provisional: true,
    };
    const open: Open = { view, source, sent_ms: new WeakMap() };
    this.#open.set(job, open);
    return open;
  }

  #freeId(): number {
    const used = new Set([...this.#open.values()].map(({ view }) => view.stream));
    do this.#lastId = (this.#lastId % STREAMS_MAX) + 1;
    while (used.has(this.#lastId));
    return this.#lastId;
  }

  #end({ view }: Open, outcome: 'verified' | 'withdrawn', digest: string | null): void {
    this.#open.delete(view.job);
    const { stream, job, attempt } = view;
    const message: ServerMessage = { type: 'stream.end', stream, job, attempt, outcome, digest };
    for (const client of this.#clients) if (client.streams.delete(stream)) client.send(message);
  }
}

function wantsOf(client: LiveClient, source: SampleSource): ReturnType<LiveClient['wants']> {
  if (client.subscriptions.size === 0) return null;
  return client.wants('job.samples', { device: source.device, job: source.job, owner: source.keyId });
}

/** A binary frame: header and codes, little-endian as the machine is (x64, arm64). */
export function sampleFrame(stream: number, firstSample: number, codes: Int16Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + codes.byteLength);
  const header = new DataView(frame.buffer);
  header.setUint16(0, stream, true);
  header.setUint32(4, firstSample, true);
  frame.set(new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength), FRAME_HEADER_BYTES);
  return frame;
}
