// What a capture holds, in numbers: duration, bytes, frames and messages by kind, damage, and how it ended.
import type { Capture, CaptureEvent, Direction } from '../../transports/index.ts';
import { FrameKind, type DecodeResult, type Frame } from '../frame/index.ts';
import { decodeDeviceHello, decodeEnvelope, decodeEvent } from '../messages/index.ts';
import { frameKindName, frameStreams } from './decoder.ts';

type Counts = Record<string, number>;
export interface DirectionSummary {
  bytes: number;
  /** Intact frames by kind. */
  frames: Counts;
  /** Frames that were damaged or not acceptable, by reason. */
  damaged: Counts;
  /** Protobuf messages by what they say: `getStatus`, `heartbeat`, `status` for a reply without more. */
  messages: Counts;
}

/** JSON-safe. */
export interface CaptureSummary {
  label: string;
  /** ISO 8601. */
  opened: string;
  duration_s: number;
  /** Port bytes that a ring had forgotten; 0: the capture begins with the connection and can be replayed. */
  dropped_bytes: number;
  /** Who answered the first hello; null when nobody did. */
  device: { uid: string; simulated: boolean; firmware: string } | null;
  directions: Record<Direction, DirectionSummary>;
  end: { by: 'host' | 'device'; code: string; message: string; link: string | null } | null;
}

/** Pure. */
export function summariseCapture({ facts, events }: Capture): CaptureSummary {
  const fresh = (): DirectionSummary => ({ bytes: 0, frames: {}, damaged: {}, messages: {} });
  const directions = { host_to_device: fresh(), device_to_host: fresh() };
  let device: CaptureSummary['device'] = null;
  const streams = frameStreams((direction, result) => {
    count(directions[direction], direction, result);
    if (device === null && result.kind === 'frame') device = deviceOf(direction, result.frame);
  });
  for (const event of events) {
    if (event.kind !== 'bytes') continue;
    directions[event.direction].bytes += event.bytes.length;
    streams[event.direction].push(event.bytes);
  }
  return {
    label: facts.label,
    opened: new Date(facts.opened_wall_ms).toISOString(),
    duration_s: ((events.at(-1)?.at_ms ?? 0) - Math.min(events.at(0)?.at_ms ?? 0, 0)) / 1000,
    dropped_bytes: facts.dropped_bytes,
    device,
    directions,
    end: endOf(events),
  };
}

function count(summary: DirectionSummary, direction: Direction, result: DecodeResult): void {
  const add = (counts: Counts, name: string): void => void (counts[name] = (counts[name] ?? 0) + 1);
  if (result.kind !== 'frame') return add(summary.damaged, result.reason);
  add(summary.frames, frameKindName(result.frame.kind));
  const name = messageName(direction, result.frame);
  if (name !== null) add(summary.messages, name);
}

function messageName(direction: Direction, { kind, payload }: Frame): string | null {
  switch (kind) {
    case FrameKind.hello:
      return direction === 'host_to_device' ? 'hostHello' : 'deviceHello';
    case FrameKind.rpc: {
      const envelope = decodeEnvelope(payload);
      return envelope.ok ? (envelope.value.body?.type ?? 'status') : 'malformed';
    }
    case FrameKind.event: {
      const event = decodeEvent(payload);
      return event.ok ? (event.value.body?.type ?? 'event') : 'malformed';
    }
    case FrameKind.log:
      return 'logLine';
    default:
      return null;
  }
}

function deviceOf(direction: Direction, { kind, payload }: Frame): CaptureSummary['device'] {
  if (direction !== 'device_to_host' || kind !== FrameKind.hello) return null;
  const hello = decodeDeviceHello(payload);
  if (!hello.ok) return null;
  const { deviceUid, simulated, fwVersion } = hello.value;
  return { uid: Buffer.from(deviceUid).toString('hex'), simulated, firmware: fwVersion };
}

function endOf(events: readonly CaptureEvent[]): CaptureSummary['end'] {
  let end: CaptureSummary['end'] = null;
  let link: string | null = null;
  for (const event of events) {
    if (event.kind !== 'note') continue;
    if (event.note.event === 'link-ended') link = event.note.code;
    if (event.note.event === 'closed') {
      const { by, code, message } = event.note;
      end = { by, code, message, link };
    }
  }
  return end === null ? null : { ...end, link };
}
