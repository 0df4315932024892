// What a frame of the session says: payloads decoded into one union, so that the session only decides what to do.
import { FrameKind, type Frame } from '../frame/index.ts';
import {
  decodeBulk,
  decodeEnvelope,
  decodeEvent,
  decodeLogLine,
  type Bulk,
  type Envelope,
  type Event,
  type LoadReport,
  type LogLine,
} from '../messages/index.ts';

export type Inbound =
  | { kind: 'reply'; envelope: Envelope }
  /** A ping of the device, or a request of ours that a tty echoed: its id tells. */
  | { kind: 'ping'; envelope: Envelope }
  | { kind: 'load-report'; report: LoadReport }
  | { kind: 'samples'; bulk: Bulk }
  | { kind: 'event'; event: Event }
  | { kind: 'log'; line: LogLine }
  /** Intact, and nothing this host can use; counted by reason. */
  | { kind: 'rejected'; reason: 'malformed' | 'over-limit' | 'bulk-short' | 'unexpected-message' };

const UNEXPECTED: Inbound = { kind: 'rejected', reason: 'unexpected-message' };

/** Decodes the payload of a frame that is no HELLO. Never throws. */
export function decodeInbound(frame: Frame): Inbound {
  switch (frame.kind) {
    case FrameKind.rpc: {
      const decoded = decodeEnvelope(frame.payload);
      return decoded.ok ? sortEnvelope(decoded.value) : { kind: 'rejected', reason: decoded.reason };
    }
    case FrameKind.samples: {
      const bulk = decodeBulk(frame.payload);
      return bulk === null ? { kind: 'rejected', reason: 'bulk-short' } : { kind: 'samples', bulk };
    }
    case FrameKind.event: {
      const decoded = decodeEvent(frame.payload);
      return decoded.ok
        ? { kind: 'event', event: decoded.value }
        : { kind: 'rejected', reason: decoded.reason };
    }
    case FrameKind.log: {
      const decoded = decodeLogLine(frame.payload);
      return decoded.ok ? { kind: 'log', line: decoded.value } : { kind: 'rejected', reason: decoded.reason };
    }
    default:
      return UNEXPECTED;
  }
}

/** An Envelope with a status is a reply, one without is a request or a one-way message. */
function sortEnvelope(envelope: Envelope): Inbound {
  if (envelope.status !== undefined) return { kind: 'reply', envelope };
  if (envelope.body?.type === 'loadReport') return { kind: 'load-report', report: envelope.body.value };
  if (envelope.body?.type === 'ping') return { kind: 'ping', envelope };
  return UNEXPECTED;
}
