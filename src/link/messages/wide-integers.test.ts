// Every 64-bit field of the schema, wherever it is nested, brings every bigint back: a library that takes numbers would not.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import * as messages from './index.ts';
import type { FieldShape } from './shape.ts';

const { MESSAGES, ENUM_VALUES } = messages;
type Plain = Record<string, unknown>;

const CODECS = {
  HostHello: [messages.encodeHostHello, messages.decodeHostHello],
  DeviceHello: [messages.encodeDeviceHello, messages.decodeDeviceHello],
  Envelope: [messages.encodeEnvelope, messages.decodeEnvelope],
  Event: [messages.encodeEvent, messages.decodeEvent],
} as unknown as Record<string, [(m: unknown) => Uint8Array, (b: Uint8Array) => messages.Decoded<unknown>]>;

/** The fields on the way from a payload to a 64-bit field. */
interface WideField {
  payload: string;
  path: FieldShape[];
}

function wideFields(payload: string, message = payload, path: FieldShape[] = []): WideField[] {
  return MESSAGES[message as messages.MessageName].flatMap((field) => {
    if (field.kind === 'uint64' || field.kind === 'fixed64') return [{ payload, path: [...path, field] }];
    return field.kind === 'message' ? wideFields(payload, field.of, [...path, field]) : [];
  });
}

const EMPTY: Readonly<Record<string, unknown>> = {
  uint64: 0n,
  fixed64: 0n,
  bool: false,
  string: '',
  bytes: new Uint8Array(0),
};

function emptyMessage(name: string): Plain {
  const plain: Plain = {};
  for (const { name: key, kind, of = '', repeated, optional, inBody } of MESSAGES[
    name as messages.MessageName
  ]) {
    if (repeated) plain[key] = [];
    else if (!optional && !inBody && kind !== 'message')
      plain[key] = kind === 'enum' ? ENUM_VALUES[of][0] : (EMPTY[kind] ?? 0);
  }
  return plain;
}

/** A message with `value` at the end of the path, or what is found there when none is given. */
function wrap(message: string, [field, ...rest]: FieldShape[], value: bigint): Plain {
  const inner = rest.length === 0 ? value : wrap(field.of ?? '', rest, value);
  const content = field.repeated ? [inner] : inner;
  const plain = emptyMessage(message);
  return field.inBody
    ? { ...plain, body: { type: field.name, value: content } }
    : { ...plain, [field.name]: content };
}
function unwrap(message: Plain, [field, ...rest]: FieldShape[]): unknown {
  const content = field.inBody ? (message['body'] as Plain)['value'] : message[field.name];
  const inner = field.repeated ? (content as unknown[])[0] : content;
  return rest.length === 0 ? inner : unwrap(inner as Plain, rest);
}

const fields = Object.keys(CODECS).flatMap((payload) => wideFields(payload));
const named = fields.map((field) => ({
  ...field,
  name: [field.payload, ...field.path.map(({ name }) => name)].join('.'),
}));

describe('64-bit fields', () => {
  it('are all found', () => {
    expect(named.length).toBeGreaterThan(20);
    for (const name of [
      'HostHello.fence',
      'Envelope.startRun.phase.readAtNs',
      'Event.heartbeat.unacked.totalBytes',
    ]) {
      expect(named.map((field) => field.name)).toContain(name);
    }
  });

  it.each(named)('$name keeps every value', ({ payload, path }) => {
    const [encode, decode] = CODECS[payload];
    const edges = [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
        (value) => {
          const back = decode(encode(wrap(payload, path, value)));
          expect(back.ok && unwrap(back.value as Plain, path)).toBe(value);
        },
      ),
      { seed: 64, numRuns: 60 },
    );
    expect(() => encode(wrap(payload, path, 2n ** 64n))).toThrow(messages.MessageError);
    expect(() => encode(wrap(payload, path, -1n))).toThrow(messages.MessageError);
  });
});
