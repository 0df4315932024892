// Worst-case encoded sizes from the schema and link.options: what a C firmware must reserve, and the proof that every
// message fits one UART frame.
import type { FieldShape, SchemaTable } from './shape.ts';

/** Every HELLO, RPC, EVENT and LOG payload fits this in both profiles (docs/protocol.md, section Sizes). */
export const MESSAGE_MAX_BYTES = 632;

/** The messages that travel as payloads of frames; all others are parts of them. */
export const PAYLOAD_MESSAGES = ['HostHello', 'DeviceHello', 'Envelope', 'Event', 'LogLine'] as const;

const SCALAR_BYTES: Record<string, number> = {
  uint32: 5,
  sint32: 5,
  fixed32: 4,
  float: 4,
  bool: 1,
  uint64: 10,
  fixed64: 8,
  double: 8,
  enum: 5, // a decoder must take any 32-bit number; ours are at most two bytes
};

/** Largest payload a text field may carry, bytes: nanopb's max_size includes the terminator. */
export function usableBytes(field: FieldShape): number {
  const size = field.maxSize ?? 0;
  return field.kind === 'string' ? size - 1 : size;
}

/**
 * Largest encoding of a message, bytes. Throws RangeError when a string, bytes or repeated field has no size in
 * link.options: such a field would have no bound at all.
 */
export function worstCaseBytes(table: SchemaTable, message: string): number {
  let fixed = 0;
  let largestBody = 0;
  for (const field of table[message]) {
    const bytes = fieldBytes(table, message, field);
    if (field.inBody) largestBody = Math.max(largestBody, bytes);
    else fixed += bytes;
  }
  return fixed + largestBody;
}

/** The payload message with the largest encoding, and that size in bytes. Throws as worstCaseBytes does. */
export function largestMessage(table: SchemaTable): { name: string; bytes: number } {
  const sizes = PAYLOAD_MESSAGES.map((name) => ({ name, bytes: worstCaseBytes(table, name) }));
  return sizes.reduce((largest, size) => (size.bytes > largest.bytes ? size : largest));
}

function fieldBytes(table: SchemaTable, message: string, field: FieldShape): number {
  const value = valueBytes(table, message, field);
  const tag = varintBytes(field.id * 8);
  if (!field.repeated) return tag + value;
  if (field.maxCount === undefined) throw noSize(message, field, 'max_count');
  if (field.kind in SCALAR_BYTES) return tag + withLength(field.maxCount * value); // packed
  return field.maxCount * (tag + value);
}

function valueBytes(table: SchemaTable, message: string, field: FieldShape): number {
  if (field.kind === 'message') return withLength(worstCaseBytes(table, field.of ?? ''));
  if (field.kind !== 'string' && field.kind !== 'bytes') return SCALAR_BYTES[field.kind];
  if (field.maxSize === undefined) throw noSize(message, field, 'max_size');
  return withLength(usableBytes(field));
}

function withLength(bytes: number): number {
  return varintBytes(bytes) + bytes;
}

function varintBytes(value: number): number {
  return value < 128 ? 1 : 1 + varintBytes(Math.floor(value / 128));
}

function noSize(message: string, field: FieldShape, option: string): RangeError {
  return new RangeError(`${message}.${field.name} has no ${option} in link.options`);
}
