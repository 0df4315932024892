// The message layer: nothing is changed silently on the way to the wire, nothing throws on the way back, and every
// message fits one UART frame.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UART_MAX_PAYLOAD } from '../frame/index.ts';
import { usableBytes, worstCaseBytes } from './bounds.ts';
import type { MessageName } from './generated/schema.ts';
import * as messages from './index.ts';
import type { FieldShape } from './shape.ts';

const { MESSAGES, ENUM_VALUES, MessageError, Initial, LoadState, SampleFormat, OverflowPolicy } = messages;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

const startRun = (): messages.StartRun => ({
  runToken: 2n ** 64n - 1n,
  programId: new Uint8Array(32).fill(0xab),
  samples: 200,
  initial: Initial.ZERO,
  phase: [
    {
      durationNs: 2_500n,
      coupled: false,
      fieldId: new Uint8Array(0),
      fieldFrom: 0,
      fieldTo: 0,
      noiseCode: 0,
      readEveryNs: 0n,
      readAtNs: [],
    },
    {
      durationNs: 2_500n,
      coupled: true,
      fieldId: new Uint8Array(0),
      fieldFrom: 32_768,
      fieldTo: -1,
      noiseCode: 7,
      readEveryNs: 0n,
      readAtNs: [0n, 2n ** 40n],
    },
  ],
  seed: 0n,
  format: SampleFormat.PACKED12,
  recordHeader: false,
  onFull: OverflowPolicy.PAUSE,
  stepNs: 0,
});
const asRequest = (value: messages.StartRun): messages.Envelope => ({
  requestId: 7,
  body: { type: 'startRun', value },
});

/** Any value that the schema and link.options allow, for a property over every field of every message. */
function anyMessage(name: MessageName): fc.Arbitrary<Record<string, unknown>> {
  const plain: Record<string, fc.Arbitrary<unknown>> = {};
  const bodies: fc.Arbitrary<unknown>[] = [];
  for (const field of MESSAGES[name]) {
    const one = anyValue(field);
    if (field.inBody) bodies.push(one.map((value) => ({ type: field.name, value })));
    else if (field.repeated) plain[field.name] = fc.array(one, { maxLength: field.maxCount });
    else if (field.optional || field.kind === 'message')
      plain[field.name] = fc.option(one, { nil: undefined });
    else plain[field.name] = one;
  }
  if (bodies.length > 0) plain['body'] = fc.option(fc.oneof(...bodies), { nil: undefined });
  return fc.record(plain);
}
function anyValue(field: FieldShape): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'uint32':
    case 'fixed32':
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case 'sint32':
      return fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
    case 'uint64':
    case 'fixed64':
      return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case 'bool':
      return fc.boolean();
    case 'float':
      return fc.float({ noNaN: true });
    case 'double':
      return fc.double({ noNaN: true });
    case 'string':
      return fc
        .string({ unit: 'binary', maxLength: usableBytes(field) })
        .map((text) => messages.fitText('LogLine', 'text', text))
        .filter((text) => Buffer.byteLength(text) <= usableBytes(field));
    case 'bytes':
      return fc.uint8Array({ maxLength: field.maxSize });
    case 'enum':
      return fc.constantFrom(...ENUM_VALUES[field.of ?? '']);
    case 'message':
      return anyMessage(field.of as MessageName);
  }
}
const CODECS = {
  HostHello: [messages.encodeHostHello, messages.decodeHostHello],
  DeviceHello: [messages.encodeDeviceHello, messages.decodeDeviceHello],
  Envelope: [messages.encodeEnvelope, messages.decodeEnvelope],
  Event: [messages.encodeEvent, messages.decodeEvent],
  LogLine: [messages.encodeLogLine, messages.decodeLogLine],
} as unknown as Record<string, [(m: unknown) => Uint8Array, (b: Uint8Array) => messages.Decoded<unknown>]>;
const names = Object.keys(CODECS) as MessageName[];

describe('sizes', () => {
  it('the bound is the payload of the UART profile', () => {
    expect(messages.MESSAGE_MAX_BYTES).toBe(UART_MAX_PAYLOAD);
  });

  it.each([...names, 'StartRun', 'DeviceStatus'])('%s fits one frame in the worst case', (name) => {
    expect(worstCaseBytes(MESSAGES, name)).toBeLessThanOrEqual(messages.MESSAGE_MAX_BYTES);
  });

  it('the bound of a schedule is reached and not passed', () => {
    const full: messages.StartRun = {
      ...startRun(),
      samples: 0xffff_ffff,
      stepNs: 0xffff_ffff,
      recordHeader: true,
      phase: Array.from({ length: 4 }, () => ({
        durationNs: 2n ** 64n - 1n,
        coupled: true,
        fieldId: new Uint8Array(32),
        fieldFrom: -0x8000_0000,
        fieldTo: -0x8000_0000,
        noiseCode: 0xffff_ffff,
        readEveryNs: 2n ** 64n - 1n,
        readAtNs: [2n ** 64n - 1n, 2n ** 64n - 1n],
      })),
    };
    const body =
      messages.encodeEnvelope(asRequest(full)).length - messages.encodeEnvelope({ requestId: 7 }).length;
    const bound = 2 + 2 + worstCaseBytes(MESSAGES, 'StartRun'); // tag, length
    expect(body).toBe(bound - 3 * 4); // three enums, bounded by 5 bytes each and encoded in one
  });

  it('a field without a size in link.options is refused', () => {
    const table = { Loose: [{ name: 'text', id: 1, kind: 'string' as const }] };
    expect(() => worstCaseBytes(table, 'Loose')).toThrow(/Loose.text has no max_size/);
  });
});

describe('encode and decode', () => {
  it.each(names)('are inverse for every %s that the limits allow, within the bound', (name) => {
    const [encode, decode] = CODECS[name];
    fc.assert(
      fc.property(anyMessage(name), (message) => {
        const bytes = encode(message);
        expect(bytes.length).toBeLessThanOrEqual(worstCaseBytes(MESSAGES, name));
        const back = decode(bytes);
        expect(back).toEqual({ ok: true, value: message });
      }),
      { numRuns: 300, seed: 20261124 },
    );
  });

  it('encodes as the worked example of the protocol', () => {
    const ping: messages.Envelope = { requestId: 7, body: { type: 'ping', value: { nonce: 0x01020304 } } };
    expect(hex(messages.encodeEnvelope(ping))).toBe('0d07000000e203050d04030201');
  });

  it('encodes a subscription to telemetry and a reading as worked out by hand, silent sensors included', () => {
    const value = { periodMs: 1000, mask: 0b10 };
    const asked: messages.Envelope = { requestId: 7, body: { type: 'subscribeTelemetry', value } };
    expect(hex(messages.encodeEnvelope(asked))).toBe('0d07000000' + '9203' + '08' + '08e807' + '1502000000');
    const reading = { atUs: 300n, mask: 0b110, value: [NaN, 42.5] };
    const event: messages.Event = {
      bootId: 1n,
      uptimeUs: 300n,
      eventSeq: 2,
      body: { type: 'telemetry', value: reading },
    };
    const bytes = messages.encodeEvent(event);
    expect(hex(bytes)).toBe(
      '090100000000000000' +
        '10ac02' +
        '1802' +
        '6a1a' +
        '08ac02' +
        '1506000000' + // up to the mask
        '1a10' +
        '000000000000f87f' +
        '0000000000404540',
    );
    expect(messages.decodeEvent(bytes)).toEqual({ ok: true, value: event });
  });

  it('keeps a seed of 0 apart from no seed', () => {
    const decodeRun = (value: messages.StartRun): messages.StartRun => {
      const back = messages.decodeEnvelope(messages.encodeEnvelope(asRequest(value)));
      if (!back.ok || back.value.body?.type !== 'startRun') throw new Error('no StartRun');
      return back.value.body.value;
    };
    expect(decodeRun(startRun()).seed).toBe(0n);
    expect('seed' in decodeRun({ ...startRun(), seed: undefined })).toBe(false);
  });

  it('tells a reply with status OK from a request without status', () => {
    const status = {
      code: messages.Code.OK,
      detail: messages.Detail.UNSPECIFIED,
      message: '',
      retryAfterMs: 0,
    };
    const reply = messages.decodeEnvelope(messages.encodeEnvelope({ requestId: 1, status }));
    expect(reply).toEqual({ ok: true, value: { requestId: 1, status } });
    const request = messages.decodeEnvelope(messages.encodeEnvelope({ requestId: 1 }));
    expect(request).toEqual({ ok: true, value: { requestId: 1 } });
  });

  it('shares no memory with the receive buffer', () => {
    const buffer = messages.encodeEnvelope(asRequest(startRun()));
    const back = messages.decodeEnvelope(buffer);
    buffer.fill(0);
    expect(back).toEqual({ ok: true, value: asRequest(startRun()) });
  });
});

describe('encode refuses', () => {
  const refused = (change: object): string => {
    try {
      messages.encodeEnvelope(asRequest({ ...startRun(), ...change }));
    } catch (error) {
      if (error instanceof MessageError)
        return `${error.code} ${error.path.replace('Envelope.body.startRun.', '')}`;
      throw error;
    }
    return 'nothing';
  };
  const phase = (change: object): object => ({ phase: [{ ...startRun().phase[0], ...change }] });
  it.each([
    [{ samples: -1 }, 'out-of-range samples'],
    [{ samples: 1.7 }, 'out-of-range samples'],
    [{ samples: 2 ** 40 }, 'out-of-range samples'],
    [{ samples: NaN }, 'out-of-range samples'],
    [{ samples: 1n }, 'wrong-type samples'],
    [{ samples: '5' }, 'wrong-type samples'],
    [{ samples: undefined }, 'wrong-type samples'],
    [{ runToken: -1n }, 'out-of-range runToken'],
    [{ runToken: 2n ** 64n }, 'out-of-range runToken'],
    [{ runToken: 5 }, 'wrong-type runToken'],
    [{ programId: new Uint8Array(33) }, 'over-limit programId'],
    [{ programId: 'abcd' }, 'wrong-type programId'],
    [{ initial: 77 }, 'unknown-enum initial'],
    [{ recordHeader: 1 }, 'wrong-type recordHeader'],
    [{ phase: undefined }, 'wrong-type phase'],
    [{ phase: Array.from({ length: 5 }, () => startRun().phase[0]) }, 'over-limit phase'],
    [phase({ readAtNs: [1n, 2n, 3n] }), 'over-limit phase[0].readAtNs'],
    [phase({ readAtNs: [-1n] }), 'out-of-range phase[0].readAtNs[0]'],
    [phase({ fieldFrom: 2 ** 31 }), 'out-of-range phase[0].fieldFrom'],
  ])('%o', (change, expected) => {
    expect(refused(change)).toBe(expected);
  });

  it('a body that does not exist, text with a lone surrogate, text one byte too long, a float out of range', () => {
    const line = { level: 1, atUs: 0n, text: '', dropped: 0 };
    expect(() => messages.encodeEnvelope({ requestId: 1, body: { type: 'x', value: {} } } as never)).toThrow(
      MessageError,
    );
    expect(() => messages.encodeLogLine({ ...line, text: '\ud800' })).toThrow(MessageError);
    expect(() => messages.encodeLogLine({ ...line, text: 'é'.repeat(60) })).toThrow(/120 bytes, at most 119/);
    const fault = { code: 501, severity: 1, unit: 0, value: 1e300, atUs: 0n, latched: false } as const;
    expect(() =>
      messages.encodeEvent({ bootId: 0n, uptimeUs: 0n, eventSeq: 0, body: { type: 'fault', value: fault } }),
    ).toThrow(MessageError);
  });
});

describe('decode', () => {
  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...names), (bytes, name) => {
        expect(typeof CODECS[name][1](bytes).ok).toBe('boolean');
      }),
      { numRuns: 3_000, seed: 4711 },
    );
    const good = messages.encodeEnvelope(asRequest(startRun()));
    for (let cut = 1; cut < good.length; cut += 1) messages.decodeEnvelope(good.subarray(0, cut));
  });

  it('tells malformed bytes from bytes beyond the limits', () => {
    expect(messages.decodeEnvelope(fromHex('0d0700'))).toMatchObject({ ok: false, reason: 'malformed' });
    expect(messages.decodeLogLine(fromHex('1a02fffe'))).toMatchObject({ ok: false, reason: 'malformed' }); // no UTF-8
    const tooLong = Buffer.concat([fromHex('1a21'), Buffer.alloc(33)]); // Bank.program_id is field 3
    const bank = Buffer.concat([fromHex('22'), Buffer.of(tooLong.length), tooLong]);
    const status = Buffer.concat([fromHex('5a'), Buffer.of(bank.length), bank]);
    expect(messages.decodeEnvelope(status)).toMatchObject({ ok: false, reason: 'over-limit' });
    const manyBanks = Buffer.concat([fromHex('5a06'), fromHex('220022002200')]);
    expect(messages.decodeEnvelope(manyBanks)).toMatchObject({ ok: false, reason: 'over-limit' });
  });

  it('maps numbers of a newer schema to UNSPECIFIED, a code to UNKNOWN, and an unknown body to none', () => {
    const status = messages.decodeEnvelope(fromHex('0d01000000' + '1205' + '0863' + '10e707')); // code 99, detail 999
    expect(status).toMatchObject({ ok: true, value: { status: { code: messages.Code.UNKNOWN, detail: 0 } } });
    const result = messages.decodeEnvelope(fromHex('c20102' + '0809')); // LoadResult (24), state 9
    expect(result).toMatchObject({
      ok: true,
      value: { body: { type: 'loadResult', value: { state: LoadState.UNSPECIFIED } } },
    });
    const newer = messages.decodeEnvelope(fromHex('0d01000000' + 'a20600')); // body 100
    expect(newer).toEqual({ ok: true, value: { requestId: 1 } });
  });

  it('takes the last of two bodies, as every protobuf reader does', () => {
    const two = fromHex('e203050d01000000' + 'f203020807' + 'e203050d02000000'); // ping, reset, ping
    expect(messages.decodeEnvelope(two)).toMatchObject({
      ok: true,
      value: { body: { type: 'ping', value: { nonce: 2 } } },
    });
  });
});

describe('small things', () => {
  it('bulk payloads carry 48 bits of offset', () => {
    const bulk = { id: 0xfffe, offset: 2 ** 48 - 12, data: Uint8Array.of(1, 2, 3) };
    const payload = messages.encodeBulk(bulk);
    expect(hex(payload)).toBe('fefff4ffffffffff010203');
    expect(messages.decodeBulk(payload)).toEqual(bulk);
    expect(messages.decodeBulk(new Uint8Array(7))).toBeNull();
    for (const wrong of [{ offset: 2 ** 48 }, { offset: -1 }, { offset: 0.5 }, { id: 65_536 }]) {
      expect(() => messages.encodeBulk({ ...bulk, ...wrong })).toThrow(MessageError);
    }
  });

  it('fitText cuts at a character', () => {
    expect(messages.fitText('Status', 'message', 'short')).toBe('short');
    expect(messages.fitText('Status', 'message', 'x' + 'é'.repeat(60))).toBe('x' + 'é'.repeat(39)); // 79 bytes
    expect(messages.fitText('Status', 'message', '\ud800')).toBe('\ufffd');
  });

  it('the schema hash of the firmware is the one of the host', () => {
    const header = readFileSync(
      new URL('../../../proto/thermoloop/v1/schema_hash.h', import.meta.url),
      'utf8',
    );
    expect(Number(/0x[0-9a-f]{8}/.exec(header)?.[0])).toBe(messages.SCHEMA_HASH);
  });
});
