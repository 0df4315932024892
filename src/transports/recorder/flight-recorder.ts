// The flight recorder: the last minute of a connection in bounded memory, written out when the link is lost, or on request.
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { captureError } from '../capture/errors.ts';
import { captureBytes } from '../capture/bytes.ts';
import type {
  CaptureDecoder,
  CaptureEvent,
  CaptureFacts,
  CaptureSink,
  CaptureStart,
} from '../capture/format.ts';
import { CaptureWriter, sizeOf, type CaptureFiles } from '../capture/write.ts';
import type { TransportError } from '../port.ts';

export const RING_DURATION_MS = 60_000;
/** Below the queue of a writer, which takes the whole ring at once. */
export const RING_BYTES = 16 * 1024 * 1024;
/** Older captures of the same name make room, so that a bad cable does not fill the disk. */
export const KEPT_CAPTURES = 16;

/** The latest events, up to a time and a size; the oldest are forgotten first. */
export class EventRing {
  readonly #duration_ms: number;
  readonly #limit_bytes: number;
  #events: CaptureEvent[] = [];
  /** Those before are forgotten; removed now and then, all at once. */
  #from = 0;
  #size_bytes = 0;
  #dropped_bytes = 0;

  constructor(limits: { duration_ms?: number; limit_bytes?: number } = {}) {
    this.#duration_ms = limits.duration_ms ?? RING_DURATION_MS;
    this.#limit_bytes = limits.limit_bytes ?? RING_BYTES;
  }

  /** Port bytes that were forgotten. */
  get dropped_bytes(): number {
    return this.#dropped_bytes;
  }

  /** Memory in use. */
  get size_bytes(): number {
    return this.#size_bytes;
  }

  get events(): CaptureEvent[] {
    return this.#events.slice(this.#from);
  }

  push(event: CaptureEvent): void {
    this.#events.push(event);
    this.#size_bytes += sizeOf(event);
    for (;;) {
      const oldest = this.#events[this.#from];
      const isOld = event.at_ms - oldest.at_ms > this.#duration_ms;
      if (oldest === event || (!isOld && this.#size_bytes <= this.#limit_bytes)) break;
      this.#from += 1;
      this.#size_bytes -= sizeOf(oldest);
      this.#dropped_bytes += oldest.kind === 'bytes' ? oldest.bytes.length : 0;
    }
    if (this.#from > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#from);
      this.#from = 0;
    }
  }
}

export interface FlightRecorderOptions {
  /** Made when it is missing; null: nothing is written by itself. */
  folder: string | null;
  /** Start of the file names: the device's id. */
  name: string;
  decoder?: () => CaptureDecoder;
  onWritten?: (path: string) => void;
  onFault: (error: TransportError) => void;
  /** A connection began: this one keeps it. */
  onStart?: (recorder: FlightRecorder) => void;
  files?: CaptureFiles;
  limits?: { duration_ms?: number; limit_bytes?: number };
}

/** A sink that forgets everything unless the link is lost. */
export class FlightRecorder implements CaptureSink {
  readonly #options: FlightRecorderOptions;
  readonly #start: CaptureStart;
  readonly #ring: EventRing;

  constructor(start: CaptureStart, options: FlightRecorderOptions) {
    this.#start = start;
    this.#options = options;
    this.#ring = new EventRing(options.limits);
    options.onStart?.(this);
  }

  /** What it remembers now, as a capture that ends here. The line goes on. */
  freeze(): { facts: CaptureFacts; encode(): Promise<Uint8Array> } {
    const { events, dropped_bytes } = this.#ring;
    const facts = { ...this.#start, dropped_bytes };
    return { facts, encode: () => captureBytes(facts, events, this.#options.decoder?.()) };
  }

  take(event: CaptureEvent): void {
    this.#ring.push(event);
  }

  async end(isLost: boolean): Promise<void> {
    const { folder } = this.#options;
    if (!isLost || folder === null) return;
    const { name, decoder, onFault, onWritten, files } = this.#options;
    const { events, dropped_bytes } = this.#ring;
    const stamp = new Date(this.#start.opened_wall_ms).toISOString().replace(/[:.]/g, '-');
    const path = join(folder, `${name}-${stamp}.mcap`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (cause) {
      return onFault(captureError('capture-unwritable', path, 'its folder cannot be made', cause));
    }
    let isWhole = true;
    const writer = new CaptureWriter({
      path,
      facts: { ...this.#start, dropped_bytes },
      decoder: decoder?.(),
      files,
      onFault(error) {
        isWhole = false;
        onFault(error);
      },
    });
    for (const event of events) writer.take(event);
    await writer.end();
    if (!isWhole) return;
    onWritten?.(writer.path);
    await forgetOldest(folder, name).catch(() => undefined);
  }
}

async function forgetOldest(folder: string, name: string): Promise<void> {
  const own = new RegExp(`^${name.replace(/[^\w-]/g, '\\$&')}-\\d{4}-\\d\\d-\\d\\dT[\\dZ-]+\\.mcap$`);
  const captures = (await readdir(folder)).filter((file) => own.test(file)).sort();
  for (const file of captures.slice(0, -KEPT_CAPTURES)) await unlink(join(folder, file));
}
