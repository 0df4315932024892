// Reads a capture file back, whole or not at all: everything that can be wrong with a file is an error that says so.
import { McapConstants, McapStreamReader, type McapTypes } from '@mcap/core';
import { open } from 'node:fs/promises';
import type { TransportError } from '../port.ts';
import { captureError } from './errors.ts';
import {
  CAPTURE_FORMAT,
  CAPTURE_METADATA,
  TOPICS,
  type Capture,
  type CaptureEvent,
  type CaptureFacts,
  type CaptureNote,
} from './format.ts';

/** Larger files are not read into memory. */
export const CAPTURE_LIMIT_BYTES = 1024 ** 3;
const PIECE_BYTES = 4 * 1024 * 1024;
const NANOSECONDS_PER_MS = 1e6;

/**
 * Facts and events of the capture at `path`.
 * Rejects with TransportError: `capture-unreadable`, `capture-damaged` (empty, cut, changed), `capture-foreign` (no
 * MCAP file, or none of ours), `capture-version`.
 */
export async function readCapture(path: string): Promise<Capture> {
  const reading = new Reading(path);
  for await (const piece of piecesOf(path)) reading.push(piece);
  return reading.finish();
}

async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  const unreadable = (cause: unknown): TransportError =>
    captureError('capture-unreadable', path, cause instanceof Error ? cause.message : String(cause), cause);
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(cause);
  });
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw captureError('capture-unreadable', path, 'it is no file');
    if (facts.size === 0) throw captureError('capture-damaged', path, 'it is empty');
    if (facts.size > CAPTURE_LIMIT_BYTES)
      throw captureError(
        'capture-unreadable',
        path,
        `${facts.size} bytes are more than ${CAPTURE_LIMIT_BYTES}`,
      );
    for (;;) {
      const piece = new Uint8Array(PIECE_BYTES);
      const { bytesRead } = await file.read(piece, 0, piece.length).catch((cause: unknown) => {
        throw unreadable(cause);
      });
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

class Reading {
  readonly #path: string;
  readonly #reader = new McapStreamReader();
  readonly #topics = new Map<number, string>();
  readonly #events: { sequence: number; event: CaptureEvent }[] = [];
  #size_bytes = 0;
  #facts: CaptureFacts | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  push(piece: Uint8Array): void {
    const { MCAP_MAGIC } = McapConstants;
    // Only its last byte but two is the version: the same letters with another number are an MCAP file of the future.
    if (this.#size_bytes === 0 && !MCAP_MAGIC.every((byte, i) => piece[i] === byte)) {
      const start = Buffer.from(piece.subarray(1, 5)).toString('latin1');
      if (piece.length < MCAP_MAGIC.length && start === 'MCAP'.slice(0, Math.max(0, piece.length - 1)))
        throw this.#error('capture-damaged', `it ends after ${piece.length} bytes`);
      if (start === 'MCAP') throw this.#error('capture-version', 'it is an MCAP file of another version');
      throw this.#error('capture-foreign', 'it is no MCAP file');
    }
    this.#size_bytes += piece.length;
    try {
      if (this.#reader.done()) throw new Error('bytes follow its end');
      this.#reader.append(piece);
      for (let record = this.#reader.nextRecord(); record !== undefined; record = this.#reader.nextRecord())
        this.#take(record);
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'TransportError') throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw this.#error('capture-damaged', `around byte ${this.#parsed_bytes}: ${why}`, cause);
    }
  }

  finish(): Capture {
    if (!this.#reader.done())
      throw this.#error(
        'capture-damaged',
        `it ends in the middle of a record, ${this.#parsed_bytes} of its ${this.#size_bytes} bytes are whole`,
      );
    if (this.#facts === null)
      throw this.#error('capture-foreign', `it has no ${CAPTURE_METADATA}: another program wrote it`);
    // Viewers sort by time, where events of the same instant may change places; the sequence is what happened.
    this.#events.sort((a, b) => a.sequence - b.sequence);
    return { facts: this.#facts, events: this.#events.map(({ event }) => event) };
  }

  get #parsed_bytes(): number {
    return this.#size_bytes - this.#reader.bytesRemaining();
  }

  #take(record: McapTypes.TypedMcapRecord): void {
    switch (record.type) {
      case 'Metadata':
        if (record.name === CAPTURE_METADATA) this.#facts ??= this.#factsOf(record.metadata);
        return;
      case 'Channel':
        this.#topics.set(record.id, record.topic);
        return;
      case 'Message':
        return this.#takeMessage(record);
      default:
        return;
    }
  }

  #factsOf(metadata: Map<string, string>): CaptureFacts {
    const format = metadata.get('format') ?? 'none';
    if (!/^\d+$/.test(format) || Number(format) > CAPTURE_FORMAT)
      throw this.#error('capture-version', `its format is ${format}, this program reads ${CAPTURE_FORMAT}`);
    const opened_wall_ms = Number(metadata.get('opened_wall_ms'));
    const dropped_bytes = Number(metadata.get('dropped_bytes'));
    if (!Number.isSafeInteger(opened_wall_ms) || !Number.isSafeInteger(dropped_bytes))
      throw new Error(`its ${CAPTURE_METADATA} lacks numbers`);
    return { label: metadata.get('label') ?? '', opened_wall_ms, dropped_bytes };
  }

  #takeMessage({ channelId, sequence, logTime, data }: McapTypes.Message): void {
    const topic = this.#topics.get(channelId);
    const direction = (['host_to_device', 'device_to_host'] as const).find((name) => TOPICS[name] === topic);
    if (direction === undefined && topic !== TOPICS.notes) return;
    if (this.#facts === null)
      throw this.#error('capture-foreign', `no ${CAPTURE_METADATA} comes before its messages`);
    const opened_ns = BigInt(this.#facts.opened_wall_ms) * BigInt(NANOSECONDS_PER_MS);
    const at_ms = Number(logTime - opened_ns) / NANOSECONDS_PER_MS;
    const event: CaptureEvent =
      direction === undefined
        ? { kind: 'note', at_ms, note: noteOf(data) }
        : { kind: 'bytes', at_ms, direction, bytes: data.slice() };
    this.#events.push({ sequence, event });
  }

  #error(code: Parameters<typeof captureError>[0], why: string, cause?: unknown): TransportError {
    return captureError(code, this.#path, why, cause);
  }
}

function noteOf(data: Uint8Array): CaptureNote {
  const note: unknown = JSON.parse(new TextDecoder().decode(data));
  if (typeof note === 'object' && note !== null && 'event' in note) return note as CaptureNote;
  throw new Error('a note is no object with an event');
}
