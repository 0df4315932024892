// Encode and decode of the five payload messages. protobufjs is used here and nowhere else.
import { usableBytes } from './bounds.ts';
import { MessageError } from './errors.ts';
import type { Decoded } from './errors.ts';
import { fromWire, OverLimit } from './from-wire.ts';
import { thermoloop } from './generated/link.js';
import { MESSAGES } from './generated/schema.ts';
import type {
  DeviceHello,
  Envelope,
  Event,
  HostHello,
  LogLine,
  MessageName,
  MessageTypes,
} from './generated/schema.ts';
import { toWire } from './to-wire.ts';

/** All throw MessageError when a value does not fit the schema, its integer range or link.options. */
export const encodeHostHello = (message: HostHello): Uint8Array => encode('HostHello', message);
export const encodeDeviceHello = (message: DeviceHello): Uint8Array => encode('DeviceHello', message);
export const encodeEnvelope = (message: Envelope): Uint8Array => encode('Envelope', message);
export const encodeEvent = (message: Event): Uint8Array => encode('Event', message);
export const encodeLogLine = (message: LogLine): Uint8Array => encode('LogLine', message);

/** None of them throws; the value shares no memory with `bytes`. */
export const decodeHostHello = (bytes: Uint8Array): Decoded<HostHello> => decode('HostHello', bytes);
export const decodeDeviceHello = (bytes: Uint8Array): Decoded<DeviceHello> => decode('DeviceHello', bytes);
export const decodeEnvelope = (bytes: Uint8Array): Decoded<Envelope> => decode('Envelope', bytes);
export const decodeEvent = (bytes: Uint8Array): Decoded<Event> => decode('Event', bytes);
export const decodeLogLine = (bytes: Uint8Array): Decoded<LogLine> => decode('LogLine', bytes);

function encode<Name extends MessageName>(name: Name, message: MessageTypes[Name]): Uint8Array {
  const wire = toWire(name, message);
  const type = thermoloop.v1[name];
  const wrong = type.verify(wire);
  if (wrong !== null) throw new MessageError('wrong-type', name, wrong);
  return Uint8Array.from(type.encode(wire).finish()); // not a slice of protobufjs' pool
}

function decode<Name extends MessageName>(name: Name, bytes: Uint8Array): Decoded<MessageTypes[Name]> {
  try {
    const message = thermoloop.v1[name].decode(bytes) as Record<string, unknown>;
    return { ok: true, value: fromWire(name, message) as unknown as MessageTypes[Name] };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: error instanceof OverLimit ? 'over-limit' : 'malformed', detail };
  }
}

/**
 * Cuts `text` at a character so that it fits the field's limit in link.options: `fitText('Status', 'message', why)`.
 * Lone surrogates become U+FFFD.
 */
export function fitText(message: MessageName, field: string, text: string): string {
  const shape = MESSAGES[message].find((f) => f.name === field);
  const room = shape?.maxSize === undefined ? Infinity : usableBytes(shape);
  const clean = text.toWellFormed();
  if (Buffer.byteLength(clean) <= room) return clean;
  const target = new Uint8Array(room);
  const { read } = new TextEncoder().encodeInto(clean, target);
  return clean.slice(0, read);
}
