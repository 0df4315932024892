// A wrapper around any port that keeps what passes: bytes of both directions as the host sees them, and what the host
// was told and chose besides, so that a replay can stand in for the device. Nothing above a port can tell it is there.
import type { Clock } from '../../clock/clock.ts';
import type { CaptureEvent, CaptureNote, CaptureSink, CaptureStart, Direction } from '../capture/format.ts';
import { RecorderClock } from './recorder-clock.ts';
import type { HostTap, Port, PortCloseReason } from '../port.ts';

export interface RecorderOptions {
  clock: Clock;
  /** Called when the port has opened, or speaks while it opens; a port that never opens is not recorded. */
  startSink: (start: CaptureStart) => CaptureSink;
  label?: string;
}

/** The link's own code for a user who closed it. */
const ASKED = 'cancelled';

export class RecorderPort implements Port {
  readonly label: string;
  readonly tap: HostTap;
  readonly #inner: Port;
  readonly #options: RecorderOptions;
  readonly #clock: RecorderClock;
  readonly #onData: ((bytes: Uint8Array) => void)[] = [];
  readonly #onDrain: (() => void)[] = [];
  readonly #onClosed: ((why: PortCloseReason) => void)[] = [];
  #sink: CaptureSink | null = null;
  #ended: Promise<void> | null = null;
  #opened_ms = 0;
  #linkEnd: { code: string; established: boolean } | null = null;
  /** What the host was told last, and how often it has read that since the last event. */
  #queued_bytes = 0;
  #reads = 0;

  constructor(inner: Port, options: RecorderOptions) {
    this.#inner = inner;
    this.#options = options;
    this.label = options.label ?? inner.label;
    this.#clock = new RecorderClock(options.clock, {
      onTimer: (due_ms, order) => this.#note({ event: 'timer', due_ms: due_ms - this.#opened_ms, order }),
      onTurn: () => this.#note({ event: 'turn' }),
    });
    this.tap = {
      isReplay: false,
      clock: this.#clock,
      choose: (what, value) => {
        this.#note({ event: 'choice', what, value });
        return value;
      },
      linkEnded: (code, established) => {
        this.#linkEnd ??= { code, established };
        this.#note({ event: 'link-ended', code });
      },
    };
    inner.onData((bytes) => {
      this.#clock.stimulus();
      this.#bytes('device_to_host', bytes);
      for (const callback of this.#onData) callback(bytes);
    });
    inner.onDrain(() => {
      this.#clock.stimulus();
      this.#note({ event: 'drained' });
      for (const callback of this.#onDrain) callback();
    });
    inner.onClosed((why) => this.#closed(why));
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#inner.open(signal);
    this.#start();
  }

  get queuedBytes(): number {
    const bytes = this.#inner.queuedBytes;
    if (bytes === this.#queued_bytes) {
      this.#reads += 1;
      return bytes;
    }
    this.#note({ event: 'queued', bytes, reads: this.#reads });
    this.#queued_bytes = bytes;
    return bytes;
  }

  write(bytes: Uint8Array): boolean {
    // Before the bytes leave: a port may answer within write().
    this.#bytes('host_to_device', bytes);
    const below = this.#inner.write(bytes);
    if (!below) this.#note({ event: 'full' });
    return below;
  }

  onData(callback: (bytes: Uint8Array) => void): void {
    this.#onData.push(callback);
  }

  onDrain(callback: () => void): void {
    this.#onDrain.push(callback);
  }

  onClosed(callback: (why: PortCloseReason) => void): void {
    this.#onClosed.push(callback);
  }

  /** Also waits until the capture is written. */
  async close(): Promise<void> {
    await this.#inner.close();
    await this.#ended;
  }

  #start(): void {
    if (this.#sink !== null || this.#ended !== null) return;
    this.#opened_ms = this.#clock.stimulus();
    this.#sink = this.#options.startSink({ label: this.label, opened_wall_ms: this.#clock.wall_ms() });
    this.#note({ event: 'opened' });
  }

  #bytes(direction: Direction, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#start();
    this.#take({ kind: 'bytes', at_ms: this.#now_ms(), direction, bytes: Uint8Array.from(bytes) });
  }

  #note(note: CaptureNote): void {
    this.#take({ kind: 'note', at_ms: this.#now_ms(), note });
  }

  #take(event: CaptureEvent): void {
    this.#reads = 0;
    this.#sink?.take(event);
  }

  #now_ms(): number {
    return this.#sink === null ? 0 : Math.max(0, this.#clock.now_ms() - this.#opened_ms);
  }

  /** The host first: what it says of the end belongs into the capture. */
  #closed(why: PortCloseReason): void {
    const { code, message } = why;
    if (code !== 'asked') this.#clock.stimulus();
    this.#note({ event: 'closed', by: code === 'asked' ? 'host' : 'device', code, message });
    for (const callback of this.#onClosed) callback(why);
    const sink = this.#sink;
    this.#sink = null;
    const { code: linkCode, established } = this.#linkEnd ?? { code: ASKED, established: false };
    this.#ended = sink?.end(established && linkCode !== ASKED) ?? Promise.resolve();
  }
}
