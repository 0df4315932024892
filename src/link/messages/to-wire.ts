// Our own types into what protobufjs encodes, with every check that protobufjs leaves out: it writes a bigint as 0,
// -1 in a uint32 as 4294967295, 1.7 as 1, and bytes of any length.
import { usableBytes } from './bounds.ts';
import { MessageError } from './errors.ts';
import { ENUM_VALUES, MESSAGES } from './generated/schema.ts';
import type { MessageName } from './generated/schema.ts';
import type { FieldShape, ScalarKind } from './shape.ts';

type Plain = Record<string, unknown>;
/** protobufjs takes any object with these two halves for a 64-bit integer. */
interface Halves {
  low: number;
  high: number;
  unsigned: true;
}

/** Throws MessageError, naming the field, when `value` does not fit the schema or link.options. */
export function toWire(name: MessageName, value: unknown, path: string = name): Plain {
  if (!isPlain(value)) throw new MessageError('wrong-type', path, 'expected an object');
  const wire: Plain = {};
  for (const field of MESSAGES[name]) {
    if (!field.inBody) putField(wire, field, value[field.name], `${path}.${field.name}`);
  }
  if (value['body'] !== undefined) putBody(wire, name, value['body'], `${path}.body`);
  return wire;
}

function putBody(wire: Plain, name: MessageName, body: unknown, path: string): void {
  const type = isPlain(body) ? body['type'] : undefined;
  const field = MESSAGES[name].find((f) => f.inBody && f.name === type);
  if (field === undefined) throw new MessageError('wrong-type', path, `no body of type ${String(type)}`);
  wire[field.name] = single(field, (body as Plain)['value'], `${path}.${field.name}`);
}

function putField(wire: Plain, field: FieldShape, value: unknown, path: string): void {
  if (!field.repeated) {
    const mayBeAbsent = field.optional || field.kind === 'message';
    if (value !== undefined || !mayBeAbsent) wire[field.name] = single(field, value, path);
    return;
  }
  if (!Array.isArray(value)) throw new MessageError('wrong-type', path, 'expected an array');
  if (field.maxCount !== undefined && value.length > field.maxCount) {
    throw new MessageError('over-limit', path, `${value.length} elements, at most ${field.maxCount}`);
  }
  wire[field.name] = value.map((item, index) => single(field, item, `${path}[${index}]`));
}

function single(field: FieldShape, value: unknown, path: string): unknown {
  if (field.kind === 'message') return toWire(field.of as MessageName, value, path);
  if (field.kind === 'enum') return enumValue(field.of ?? '', value, path);
  return SCALARS[field.kind](value, path, field);
}

const SCALARS: Record<ScalarKind, (value: unknown, path: string, field: FieldShape) => unknown> = {
  uint32: (value, path) => integer(value, path, 0, 0xffff_ffff),
  fixed32: (value, path) => integer(value, path, 0, 0xffff_ffff),
  sint32: (value, path) => integer(value, path, -0x8000_0000, 0x7fff_ffff),
  uint64: halves,
  fixed64: halves,
  bool: (value, path) => ofType<boolean>('boolean', value, path),
  double: (value, path) => ofType<number>('number', value, path),
  float: (value, path) => {
    const number = ofType<number>('number', value, path);
    if (Number.isFinite(number) && !Number.isFinite(Math.fround(number))) {
      throw new MessageError('out-of-range', path, `${number} is beyond 32-bit floating point`);
    }
    return number;
  },
  string: (value, path, field) => {
    const text = ofType<string>('string', value, path);
    if (!text.isWellFormed()) throw new MessageError('wrong-type', path, 'text with a lone surrogate');
    checkSize(Buffer.byteLength(text), path, field);
    return text;
  },
  bytes: (value, path, field) => {
    if (!(value instanceof Uint8Array)) throw new MessageError('wrong-type', path, 'expected a Uint8Array');
    checkSize(value.length, path, field);
    return value;
  },
};

function checkSize(bytes: number, path: string, field: FieldShape): void {
  if (field.maxSize !== undefined && bytes > usableBytes(field)) {
    throw new MessageError('over-limit', path, `${bytes} bytes, at most ${usableBytes(field)}`);
  }
}

function enumValue(name: string, value: unknown, path: string): number {
  const number = ofType<number>('number', value, path);
  if (!ENUM_VALUES[name].includes(number)) {
    throw new MessageError('unknown-enum', path, `${number} is no value of ${name}`);
  }
  return number;
}

function integer(value: unknown, path: string, min: number, max: number): number {
  const number = ofType<number>('number', value, path);
  if (!Number.isInteger(number) || number < min || number > max) {
    throw new MessageError('out-of-range', path, `${number} is no integer within ${min}..${max}`);
  }
  return number;
}

function halves(value: unknown, path: string): Halves {
  const wide = ofType<bigint>('bigint', value, path);
  if (BigInt.asUintN(64, wide) !== wide) {
    throw new MessageError('out-of-range', path, `${wide} is not within 0..2^64-1`);
  }
  return {
    low: Number(BigInt.asIntN(32, wide)),
    high: Number(BigInt.asIntN(32, wide >> 32n)),
    unsigned: true,
  };
}

function ofType<T>(type: 'number' | 'bigint' | 'string' | 'boolean', value: unknown, path: string): T {
  if (typeof value !== type)
    throw new MessageError('wrong-type', path, `expected ${type}, got ${typeof value}`);
  return value as T;
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null;
}
