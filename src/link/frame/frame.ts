// One frame of the wire, before and after COBS: layout, kinds, flags, limits, and the checks in their fixed order.
// Normative text: docs/protocol.md, section Frame.
import { cobsEncode, cobsMaxLength } from './cobs.ts';
import { crc32cOver } from './crc32c.ts';

export const WIRE_VERSION = 1;
export const FrameKind = { hello: 1, rpc: 2, chunk: 3, samples: 4, event: 5, log: 6 } as const;
export type FrameKindValue = (typeof FrameKind)[keyof typeof FrameKind];
export const FrameFlag = { reportNow: 1, last: 2, replay: 4 } as const;
/** Bits 4-7 change the meaning of a frame; a receiver that does not know one drops the frame. */
const INCOMPATIBLE_FLAGS = 0xf0;

const HEADER_BYTES = 8; // ver_kind 1, flags 1, session 2, seq 2, len 2
const CRC_BYTES = 4;
/** A frame without payload. */
export const FRAME_OVERHEAD_BYTES = HEADER_BYTES + CRC_BYTES;
const U16_MAX = 0xffff;

/** Largest payloads of the two profiles: 640 and 4,084 bytes under the CRC, less the 8 header bytes. */
export const UART_MAX_PAYLOAD = 640 - HEADER_BYTES;
export const USB_MAX_PAYLOAD = 4084 - HEADER_BYTES;

export interface Frame {
  kind: FrameKindValue;
  /** FrameFlag bits. */
  flags: number;
  /** 0 in HELLO and only there. */
  session: number;
  /** Frames sent in this direction and session, modulo 65,536; statistics only. */
  seq: number;
  payload: Uint8Array;
}

/** An intact frame that may not be acceptable: version and kind are whatever was sent. */
export interface ReceivedFrame {
  version: number;
  kind: number;
  flags: number;
  session: number;
  seq: number;
  payload: Uint8Array;
}

/** Damaged: fails up to the CRC; nothing in it can be believed. */
export const CORRUPT_REASONS = ['oversize', 'cobs', 'too-short', 'too-long', 'length', 'crc'] as const;
export type CorruptReason = (typeof CORRUPT_REASONS)[number];
/** Intact, but not acceptable to this receiver. */
export const REJECT_REASONS = [
  'unsupported-version',
  'unsupported-flag',
  'unknown-kind',
  'wrong-direction',
  'session-zero-rule',
] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];

export type DecodeResult =
  | { kind: 'frame'; frame: Frame }
  | { kind: 'corrupt'; reason: CorruptReason }
  | { kind: 'rejected'; reason: RejectReason; frame: ReceivedFrame };

/** Who receives. A host takes hello, rpc, samples, event and log; a device hello, rpc and chunk. */
export type FrameRole = 'host' | 'device';
const ACCEPTED_KINDS: Record<FrameRole, readonly number[]> = {
  host: [FrameKind.hello, FrameKind.rpc, FrameKind.samples, FrameKind.event, FrameKind.log],
  device: [FrameKind.hello, FrameKind.rpc, FrameKind.chunk],
};
const KNOWN_KINDS: readonly number[] = Object.values(FrameKind);

/** A frame that cannot be sent: a mistake of the caller, never of the line. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  readonly code = 'out-of-range';
  readonly retryable = false;
}

/** Wire bytes of a frame with `payloadBytes` of payload, worst case, with the trailing delimiter. */
export function maxWireBytes(payloadBytes: number): number {
  return cobsMaxLength(payloadBytes + FRAME_OVERHEAD_BYTES) + 1;
}

/**
 * Wire bytes of a frame: COBS, then the trailing 0x00; no leading one (that is sent after open and after a gap).
 * Throws FrameError when a field does not fit its place.
 */
export function encodeFrame(frame: Frame): Uint8Array {
  assertSendable(frame);
  const { payload } = frame;
  const raw = new Uint8Array(payload.length + FRAME_OVERHEAD_BYTES);
  const view = new DataView(raw.buffer);
  raw[0] = (WIRE_VERSION << 4) | frame.kind;
  raw[1] = frame.flags;
  view.setUint16(2, frame.session, true);
  view.setUint16(4, frame.seq, true);
  view.setUint16(6, payload.length, true);
  raw.set(payload, HEADER_BYTES);
  const crcAt = HEADER_BYTES + payload.length;
  view.setUint32(crcAt, crc32cOver(raw, 0, crcAt), true);

  const wire = new Uint8Array(maxWireBytes(payload.length));
  const end = cobsEncode(raw, raw.length, wire, 0);
  return wire.subarray(0, end + 1); // wire[end] is the delimiter, still 0
}

/**
 * Checks an unstuffed frame raw[0 .. length) in the fixed order: length, `len`, CRC, version, incompatible flags,
 * kind for this direction, session 0 in HELLO only. The current session is the caller's to check. Never throws.
 */
export function checkFrame(
  raw: Uint8Array,
  length: number,
  options: { role: FrameRole; maxPayload: number },
): DecodeResult {
  if (length < FRAME_OVERHEAD_BYTES) return { kind: 'corrupt', reason: 'too-short' };
  if (length > options.maxPayload + FRAME_OVERHEAD_BYTES) return { kind: 'corrupt', reason: 'too-long' };
  const payloadBytes = raw[6] | (raw[7] << 8);
  if (payloadBytes !== length - FRAME_OVERHEAD_BYTES) return { kind: 'corrupt', reason: 'length' };
  const crcAt = length - CRC_BYTES;
  const crc = (raw[crcAt] | (raw[crcAt + 1] << 8) | (raw[crcAt + 2] << 16) | (raw[crcAt + 3] << 24)) >>> 0;
  if (crc !== crc32cOver(raw, 0, crcAt)) return { kind: 'corrupt', reason: 'crc' };

  const frame: ReceivedFrame = {
    version: raw[0] >>> 4,
    kind: raw[0] & 0x0f,
    flags: raw[1],
    session: raw[2] | (raw[3] << 8),
    seq: raw[4] | (raw[5] << 8),
    payload: raw.slice(HEADER_BYTES, crcAt), // a copy: raw is reused for the next frame
  };
  const reason = rejectReason(frame, options.role);
  if (reason !== null) return { kind: 'rejected', reason, frame };
  const { flags, session, seq, payload } = frame;
  return { kind: 'frame', frame: { kind: frame.kind as FrameKindValue, flags, session, seq, payload } };
}

function rejectReason(frame: ReceivedFrame, role: FrameRole): RejectReason | null {
  if (frame.version !== WIRE_VERSION) return 'unsupported-version';
  if ((frame.flags & INCOMPATIBLE_FLAGS) !== 0) return 'unsupported-flag';
  if (!KNOWN_KINDS.includes(frame.kind)) return 'unknown-kind';
  if (!ACCEPTED_KINDS[role].includes(frame.kind)) return 'wrong-direction';
  if ((frame.kind === FrameKind.hello) !== (frame.session === 0)) return 'session-zero-rule';
  return null;
}

function assertSendable(frame: Frame): void {
  const { kind, flags, session, seq, payload } = frame;
  if (!KNOWN_KINDS.includes(kind)) throw new FrameError(`frame kind ${kind} is none of 1..6`);
  if (!isUpTo(flags, 0x0f)) throw new FrameError(`frame flags ${flags} are not within bits 0-3`);
  if (!isUpTo(session, U16_MAX) || (kind === FrameKind.hello) !== (session === 0)) {
    throw new FrameError(
      `session ${session} does not fit frame kind ${kind}: 0 in HELLO, 1..65535 elsewhere`,
    );
  }
  if (!isUpTo(seq, U16_MAX)) throw new FrameError(`frame seq ${seq} is not within 0..65535`);
  if (payload.length > U16_MAX) throw new FrameError(`payload of ${payload.length} bytes is above 65535`);
}

function isUpTo(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
