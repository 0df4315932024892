// Writes captures as MCAP files: under a temporary name until whole, then synced and renamed, so that what bears the
// name is complete. Events wait in a bounded queue; a disk that fails or is too slow ends the capture, not the link.
import { McapWriter } from '@mcap/core';
import { existsSync } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { TransportError } from '../port.ts';
import { captureError } from './errors.ts';
import {
  BYTES_ENCODING,
  BYTES_SCHEMA,
  CAPTURE_FORMAT,
  CAPTURE_METADATA,
  CAPTURE_PROFILE,
  NOTE_SCHEMA,
  TOPICS,
  type CaptureDecoder,
  type CaptureEvent,
  type CaptureFacts,
  type CaptureSink,
} from './format.ts';

/** Bytes that may wait for the disk. */
export const QUEUE_LIMIT_BYTES = 32 * 1024 * 1024;
const PARTIAL_SUFFIX = '.partial';
const NANOSECONDS_PER_MS = 1_000_000;
/** Bookkeeping of an event in memory, roughly. */
const EVENT_BYTES = 100;

/** The part of the file system that is needed; tests hand in one that fails. */
export interface CaptureFiles {
  /** Makes a new file; rejects when there is one of that name. */
  create(path: string): Promise<CaptureFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}
export interface CaptureFile {
  write(bytes: Uint8Array): Promise<unknown>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export const diskFiles: CaptureFiles = {
  async create(path) {
    const handle = await open(path, 'wx', 0o600); // it holds a customer's model
    return {
      write: (bytes) => handle.writeFile(bytes),
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  },
  async rename(from, to) {
    await rename(from, to);
    const folder = await open(dirname(to), 'r');
    await folder.sync().finally(() => folder.close());
  },
  remove: (path) => unlink(path),
};

export interface CaptureWriterOptions {
  /** Where it is wanted; a number is added to the name where one exists already. */
  path: string;
  facts: CaptureFacts;
  decoder?: CaptureDecoder;
  /** Called once when the capture had to be given up. */
  onFault: (error: TransportError) => void;
  files?: CaptureFiles;
}

/** One capture file in the making. */
export class CaptureWriter implements CaptureSink {
  readonly path: string;
  readonly #options: CaptureWriterOptions;
  readonly #files: CaptureFiles;
  readonly #queue: CaptureEvent[] = [];
  #queued_bytes = 0;
  #isEnding = false;
  #wake: () => void = () => undefined;
  #fault: TransportError | null = null;
  readonly #done: Promise<void>;

  constructor(options: CaptureWriterOptions) {
    this.#options = options;
    this.#files = options.files ?? diskFiles;
    this.path = freeName(options.path);
    this.#done = this.#run();
  }

  take(event: CaptureEvent): void {
    if (this.#fault !== null || this.#isEnding) return;
    this.#queue.push(event);
    this.#queued_bytes += sizeOf(event);
    if (this.#queued_bytes > QUEUE_LIMIT_BYTES) {
      const why = `the disk is slower than the line, ${this.#queued_bytes} bytes wait for it`;
      this.#giveUp(captureError('capture-unwritable', this.path, why));
    }
    this.#wake();
  }

  end(): Promise<void> {
    this.#isEnding = true;
    this.#wake();
    return this.#done;
  }

  #giveUp(error: TransportError): void {
    if (this.#fault !== null) return;
    this.#fault = error;
    this.#queue.length = 0;
    this.#queued_bytes = 0;
    this.#options.onFault(error);
  }

  async #run(): Promise<void> {
    const partial = `${this.path}${PARTIAL_SUFFIX}`;
    let file: CaptureFile | null = null;
    try {
      file = await this.#files.create(partial);
      await this.#writeAll(file);
      if (this.#fault === null) {
        await file.sync();
        await file.close();
        await this.#files.rename(partial, this.path);
        return;
      }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      this.#giveUp(captureError('capture-unwritable', this.path, why, cause));
    }
    // A full disk is not to be kept full by half a capture.
    if (file === null) return;
    await file.close().catch(() => undefined);
    await this.#files.remove(partial).catch(() => undefined);
  }

  async #writeAll(file: CaptureFile): Promise<void> {
    const records = await CaptureRecords.begin(file, this.#options.facts, this.#options.decoder);
    for (;;) {
      const event = this.#queue.shift();
      if (this.#fault !== null) return;
      if (event !== undefined) {
        this.#queued_bytes -= sizeOf(event);
        await records.add(event);
      } else if (this.#isEnding) return records.end();
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Events as MCAP records: raw bytes, notes, and the messages that the decoder finds in the bytes. */
class CaptureRecords {
  readonly #writer: McapWriter;
  readonly #opened_ns: bigint;
  readonly #decoder: CaptureDecoder | undefined;
  readonly #channels = { host_to_device: 0, device_to_host: 0, notes: 0 };
  readonly #decoded: number[] = [];
  #sequence = 0;

  private constructor(writer: McapWriter, opened_wall_ms: number, decoder: CaptureDecoder | undefined) {
    this.#writer = writer;
    this.#opened_ns = BigInt(Math.round(opened_wall_ms)) * BigInt(NANOSECONDS_PER_MS);
    this.#decoder = decoder;
  }

  static async begin(
    file: CaptureFile,
    facts: CaptureFacts,
    decoder?: CaptureDecoder,
  ): Promise<CaptureRecords> {
    let position = 0n;
    const writer = new McapWriter({
      writable: {
        position: () => position,
        async write(bytes) {
          await file.write(bytes);
          position += BigInt(bytes.length);
        },
      },
    });
    const records = new CaptureRecords(writer, facts.opened_wall_ms, decoder);
    await writer.start({ profile: CAPTURE_PROFILE, library: 'thermoloop' });
    const said = {
      format: CAPTURE_FORMAT,
      label: facts.label,
      opened: new Date(facts.opened_wall_ms).toISOString(),
      opened_wall_ms: Math.round(facts.opened_wall_ms),
      dropped_bytes: facts.dropped_bytes,
    };
    const metadata = new Map(Object.entries(said).map(([key, value]) => [key, String(value)]));
    await writer.addMetadata({ name: CAPTURE_METADATA, metadata });
    await records.#register();
    return records;
  }

  async #register(): Promise<void> {
    const writer = this.#writer;
    const metadata = new Map<string, string>();
    const bytesSchema = await writer.registerSchema(BYTES_SCHEMA);
    for (const direction of ['host_to_device', 'device_to_host'] as const) {
      this.#channels[direction] = await writer.registerChannel({
        topic: TOPICS[direction],
        schemaId: bytesSchema,
        messageEncoding: BYTES_ENCODING,
        metadata,
      });
    }
    const noteSchema = await writer.registerSchema(NOTE_SCHEMA);
    const notes = { topic: TOPICS.notes, schemaId: noteSchema, messageEncoding: 'json', metadata };
    this.#channels.notes = await writer.registerChannel(notes);
    const schemas = new Map<string, number>();
    for (const { topic, messageEncoding, schema } of this.#decoder?.channels ?? []) {
      const schemaId = schemas.get(schema.name) ?? (await writer.registerSchema(schema));
      schemas.set(schema.name, schemaId);
      this.#decoded.push(await writer.registerChannel({ topic, schemaId, messageEncoding, metadata }));
    }
  }

  async add(event: CaptureEvent): Promise<void> {
    const logTime = this.#opened_ns + BigInt(Math.round(event.at_ms * NANOSECONDS_PER_MS));
    const sequence = (this.#sequence += 1);
    const message = { sequence, logTime, publishTime: logTime };
    if (event.kind === 'note') {
      const data = new TextEncoder().encode(JSON.stringify(event.note));
      return this.#writer.addMessage({ ...message, channelId: this.#channels.notes, data });
    }
    const { direction, bytes } = event;
    await this.#writer.addMessage({ ...message, channelId: this.#channels[direction], data: bytes });
    for (const { channel, data } of this.#decoder?.push(direction, bytes) ?? [])
      await this.#writer.addMessage({ ...message, channelId: this.#decoded[channel], data });
  }

  end(): Promise<void> {
    return this.#writer.end();
  }
}

/** What an event costs in memory. */
export function sizeOf(event: CaptureEvent): number {
  return EVENT_BYTES + (event.kind === 'bytes' ? event.bytes.length : 0);
}

/** `run.mcap`, or `run-2.mcap` and so on where that exists or is being written. */
function freeName(path: string): string {
  const extension = extname(path);
  const stem = join(dirname(path), basename(path, extension));
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? path : `${stem}-${number}${extension}`;
    if (!existsSync(name) && !existsSync(`${name}${PARTIAL_SUFFIX}`)) return name;
  }
}
