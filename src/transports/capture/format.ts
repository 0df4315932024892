// What a capture file holds: the bytes of one connection in both directions, in order and with their times, and what a
// replay of the host needs besides. Normative text: docs/protocol.md, Capture files.
import type { PortCloseReason } from '../port.ts';

/** Grows when an old reader could not play a new file. */
export const CAPTURE_FORMAT = 1;
export const CAPTURE_PROFILE = 'thermoloop-link';
/** Name of the metadata record at the start. */
export const CAPTURE_METADATA = 'thermoloop.capture';

export type Direction = 'host_to_device' | 'device_to_host';
export const TOPICS = {
  host_to_device: 'link/host_to_device',
  device_to_host: 'link/device_to_host',
  notes: 'link/notes',
} as const;

export const BYTES_ENCODING = 'x-port-bytes';
export const BYTES_SCHEMA = {
  name: 'thermoloop.PortBytes',
  encoding: 'x-text',
  data: new TextEncoder().encode(
    'The data of a message are the bytes of one write (host_to_device) or of one arrival (device_to_host), nothing ' +
      'around them. The frames in them may be split anywhere; docs/protocol.md of thermoloop describes them.',
  ),
};

/** What is no byte: choices of the host, and what its port told it. One JSON object per message. */
export type CaptureNote =
  | { event: 'opened' }
  /** A value that nothing in the stream determines, such as a nonce. */
  | { event: 'choice'; what: string; value: number | string }
  /** A timer of the host rang that was due then, ms since the opening; it was the `order`-th that the host set. */
  | { event: 'timer'; due_ms: number; order: number }
  /** The host was called from above, and looked at the time. */
  | { event: 'turn' }
  /** The last write answered that the port is full. */
  | { event: 'full' }
  | { event: 'drained' }
  /** The host asked how much is queued and was told another number than before, after `reads` with the old one. */
  | { event: 'queued'; bytes: number; reads: number }
  /** Why the link above gave the port up. */
  | { event: 'link-ended'; code: string }
  | { event: 'closed'; by: 'host' | 'device'; code: PortCloseReason['code']; message: string };

export const NOTE_SCHEMA = {
  name: 'thermoloop.CaptureNote',
  encoding: 'jsonschema',
  data: new TextEncoder().encode(
    JSON.stringify({
      type: 'object',
      required: ['event'],
      properties: {
        event: { enum: 'opened choice timer turn full drained queued link-ended closed'.split(' ') },
        what: { type: 'string' },
        value: { type: ['number', 'string'] },
        due_ms: { type: 'number' },
        order: { type: 'number' },
        bytes: { type: 'number' },
        reads: { type: 'number' },
        by: { enum: ['host', 'device'] },
        code: { type: 'string' },
        message: { type: 'string' },
      },
    }),
  ),
};

/** `at_ms` counts from the opening of the port, on the host's monotonic clock. */
export type CaptureEvent =
  | { kind: 'bytes'; at_ms: number; direction: Direction; bytes: Uint8Array }
  | { kind: 'note'; at_ms: number; note: CaptureNote };

export interface CaptureStart {
  /** Address of the line, without secrets. */
  label: string;
  /** Wall time of the opening, milliseconds since the Unix epoch. */
  opened_wall_ms: number;
}

/** What a capture says of itself at its start. */
export interface CaptureFacts extends CaptureStart {
  /** Bytes that a ring had forgotten before it was written out; a capture without its beginning cannot be replayed. */
  dropped_bytes: number;
}

/** A capture that was read: facts and events in their order. */
export interface Capture {
  facts: CaptureFacts;
  events: CaptureEvent[];
}

/** Where a recorder puts what it sees. Nothing here throws: a capture that fails must not harm the link. */
export interface CaptureSink {
  /** Takes ownership of the event. */
  take(event: CaptureEvent): void;
  /** The connection is over. `isLost`: an established link ended without being asked to. */
  end(isLost: boolean): Promise<void>;
}

/** Turns bytes into messages for viewers; made anew for every capture. */
export interface CaptureDecoder {
  /** What the messages are written as; a schema named twice is written once. */
  readonly channels: readonly DecodedChannel[];
  /** The messages that these bytes complete. */
  push(direction: Direction, bytes: Uint8Array): DecodedMessage[];
}

export interface DecodedChannel {
  topic: string;
  messageEncoding: string;
  schema: { name: string; encoding: string; data: Uint8Array };
}

export interface DecodedMessage {
  /** Index into the decoder's channels. */
  channel: number;
  data: Uint8Array;
}
