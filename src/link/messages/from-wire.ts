// What protobufjs decoded into our own types: bigints for 64-bit fields, copies of bytes, known enum numbers only,
// the sizes of link.options enforced, and unions as unions.
import { usableBytes } from './bounds.ts';
import { Code, ENUM_VALUES, MESSAGES } from './generated/schema.ts';
import type { MessageName } from './generated/schema.ts';
import type { FieldShape } from './shape.ts';

type Plain = Record<string, unknown>;

/** Thrown inside this layer only; the codec turns it into `{ok: false, reason: 'over-limit'}`. */
export class OverLimit extends Error {}

/** `message` is a decoded protobufjs object. Throws OverLimit, or TypeError for what is no such object. */
export function fromWire(name: MessageName, message: Plain): Plain {
  const value: Plain = {};
  for (const field of MESSAGES[name]) {
    const present = Object.hasOwn(message, field.name) && message[field.name] !== null;
    const raw = message[field.name]; // an absent scalar reads as its default from the prototype
    const path = `${name}.${field.name}`;
    if (field.inBody) {
      if (present) value['body'] = { type: field.name, value: single(field, raw, path) };
    } else if (field.repeated) {
      value[field.name] = present ? list(field, raw as unknown[], path) : [];
    } else if (present || !(field.optional || field.kind === 'message')) {
      value[field.name] = single(field, raw, path);
    }
  }
  return value;
}

function list(field: FieldShape, items: unknown[], path: string): unknown[] {
  if (field.maxCount !== undefined && items.length > field.maxCount) {
    throw new OverLimit(`${path}: ${items.length} elements, at most ${field.maxCount}`);
  }
  return items.map((item) => single(field, item, path));
}

function single(field: FieldShape, raw: unknown, path: string): unknown {
  switch (field.kind) {
    case 'message':
      return fromWire(field.of as MessageName, raw as Plain);
    case 'enum':
      return knownEnum(field.of ?? '', raw as number);
    case 'uint64':
    case 'fixed64':
      return wide(raw as { low: number; high: number });
    case 'bytes':
      return copyOf(field, raw, path);
    case 'string':
      checkSize(field, Buffer.byteLength(raw as string), path);
      return raw;
    default:
      return raw;
  }
}

/** Numbers of a newer schema become UNSPECIFIED; a Code has none, there UNKNOWN says it. */
function knownEnum(name: string, raw: number): number {
  if (ENUM_VALUES[name].includes(raw)) return raw;
  return name === 'Code' ? Code.UNKNOWN : 0;
}

/** protobufjs gives a Long (the package `long` is its own dependency). */
function wide(raw: { low: number; high: number }): bigint {
  return (BigInt(raw.high >>> 0) << 32n) | BigInt(raw.low >>> 0);
}

/** Decoded bytes are views of the receive buffer (and the default is an array): always a fresh Uint8Array. */
function copyOf(field: FieldShape, raw: unknown, path: string): Uint8Array {
  const bytes = raw as Uint8Array;
  checkSize(field, bytes.length, path);
  return Uint8Array.from(bytes);
}

function checkSize(field: FieldShape, bytes: number, path: string): void {
  if (field.maxSize !== undefined && bytes > usableBytes(field)) {
    throw new OverLimit(`${path}: ${bytes} bytes, at most ${usableBytes(field)}`);
  }
}
