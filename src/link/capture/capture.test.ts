// Capture files as others see them: the container by its own readers and by its bytes, and the messages by nothing but
// the schema inside the file, as a viewer decodes them.
import { McapIndexedReader, McapStreamReader, type McapTypes } from '@mcap/core';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import extension from 'protobufjs/ext/descriptor/index.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMemoryTwin } from '../../../test/support/memory-twin.ts';
import { seededRandom32 } from '../../../test/support/seeded-random.ts';
import { systemClock } from '../../clock/clock.ts';
import { CaptureWriter, readCapture, RecorderPort } from '../../transports/index.ts';
import { connect, createCaptureDecoder, summariseCapture } from '../index.ts';
import { FILE_DESCRIPTOR_SET_BASE64 } from '../messages/generated/descriptor.ts';

const { FileDescriptorSet } = extension as unknown as { FileDescriptorSet: protobuf.Type };
const { Root } = protobuf as unknown as { Root: { fromDescriptor(set: protobuf.Message): protobuf.Root } };
const descriptorSet = Buffer.from(FILE_DESCRIPTOR_SET_BASE64, 'base64');

let folder: string;
let path: string;
let file: Buffer;
let uid: string;

/** A real conversation: hello, status, capabilities, two pings. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thermoloop-viewer-'));
  const twin = await startMemoryTwin({ units: 8 });
  uid = twin.uid;
  const port = new RecorderPort(twin.openPort(), {
    clock: systemClock,
    startSink(start) {
      const writer = new CaptureWriter({
        path: join(folder, 'talk.mcap'),
        facts: { ...start, dropped_bytes: 0 },
        decoder: createCaptureDecoder(),
        onFault: (error) => expect.fail(error.message),
      });
      path = writer.path;
      return writer;
    },
  });
  const random32 = seededRandom32(3);
  const link = await connect({ port, clock: systemClock, random32, clientId: 0xabcd, hostVersion: '9.8.7' });
  await link.capabilities();
  await link.ping();
  await link.ping();
  await link.close();
  await twin.close();
  file = await readFile(path);
});
afterAll(() => rm(folder, { recursive: true }));

async function indexed(): Promise<McapIndexedReader> {
  return McapIndexedReader.Initialize({
    readable: {
      size: () => Promise.resolve(BigInt(file.length)),
      read: (offset, size) => Promise.resolve(file.subarray(Number(offset), Number(offset + size))),
    },
  });
}

interface Decoded {
  topic: string;
  value: Record<string, unknown>;
}

/** Everything on protobuf channels, by the schemas in the file alone. */
async function decodeAll(reader: McapIndexedReader): Promise<Decoded[]> {
  const types = new Map<number, protobuf.Type>();
  for (const channel of reader.channelsById.values()) {
    if (channel.messageEncoding !== 'protobuf') continue;
    const schema = reader.schemasById.get(channel.schemaId);
    if (schema === undefined) throw new Error(`${channel.topic} has no schema`);
    expect(schema.encoding).toBe('protobuf');
    const root = Root.fromDescriptor(FileDescriptorSet.decode(schema.data));
    types.set(channel.id, root.lookupType(schema.name));
  }
  const decoded: Decoded[] = [];
  for await (const { channelId, data } of reader.readMessages()) {
    const type = types.get(channelId);
    const topic = reader.channelsById.get(channelId)?.topic ?? '';
    if (type === undefined) continue;
    const value = type.toObject(type.decode(data), {
      longs: Number,
      bytes: Array,
      enums: String,
      oneofs: true,
    });
    decoded.push({ topic, value });
  }
  return decoded;
}

describe('a capture in a viewer', () => {
  it('is an MCAP file by its bytes', () => {
    const magic = Buffer.from([0x89, 0x4d, 0x43, 0x41, 0x50, 0x30, 0x0d, 0x0a]);
    expect(file.subarray(0, 8)).toEqual(magic);
    expect(file.subarray(-8)).toEqual(magic);
    expect(file[8]).toBe(0x01); // Header
    const profileLength = file.readUInt32LE(17);
    expect(file.subarray(21, 21 + profileLength).toString()).toBe('thermoloop-link');
    const footer = file.length - 8 - 20 - 9;
    expect(file[footer]).toBe(0x02);
    const summaryStart = Number(file.readBigUInt64LE(footer + 9));
    expect(file[summaryStart]).toBe(0x03); // Schema: the summary repeats them
  });

  it('is whole to both readers, index and stream', async () => {
    const stream = new McapStreamReader();
    stream.append(file);
    const streamed: McapTypes.Message[] = [];
    for (let record = stream.nextRecord(); record !== undefined; record = stream.nextRecord())
      if (record.type === 'Message') streamed.push(record);
    expect(stream.done()).toBe(true);
    const reader = await indexed();
    let count = 0;
    for await (const message of reader.readMessages()) {
      expect(message.logTime).toBe(streamed[count].logTime);
      count += 1;
    }
    expect(count).toBe(streamed.length);
    expect(reader.statistics?.messageCount).toBe(BigInt(count));
    const topics = [...reader.channelsById.values()].map(({ topic }) => topic).sort();
    expect(topics).toEqual([
      'link/device_to_host',
      'link/frames',
      'link/host_to_device',
      'link/messages/device_hello',
      'link/messages/events',
      'link/messages/host_hello',
      'link/messages/log',
      'link/messages/to_device',
      'link/messages/to_host',
      'link/notes',
    ]);
  });

  it('shows its messages by the schema inside it', async () => {
    const decoded = await decodeAll(await indexed());
    const of = (topic: string): Record<string, unknown>[] =>
      decoded.filter((one) => one.topic === `link/messages/${topic}`).map(({ value }) => value);
    expect(of('host_hello')[0]).toMatchObject({ clientId: 0xabcd, hostVersion: '9.8.7' });
    expect(of('device_hello')[0]).toMatchObject({
      simulated: true,
      deviceUid: [...Buffer.from(uid, 'hex')],
      resetReason: 'RESET_REASON_POWER_ON',
    });
    const asked = of('to_device').map(({ body }) => body);
    expect(asked).toEqual(['getStatus', 'getCapabilities', 'ping', 'ping']);
    const answered = of('to_host');
    expect(answered.map(({ status }) => (status as { code?: string }).code ?? 'OK')).toEqual(
      asked.map(() => 'OK'),
    );
    expect(answered[1]['capabilities']).toMatchObject({ unitsMax: 8 });
  });

  it('sums up', async () => {
    const summary = summariseCapture(await readCapture(path));
    expect(summary).toMatchObject({
      dropped_bytes: 0,
      device: { uid, simulated: true, firmware: 'test' },
      end: { by: 'host', code: 'asked', link: 'cancelled' },
    });
    expect(summary.directions.host_to_device).toMatchObject({
      frames: { hello: 1, rpc: 4 },
      messages: { hostHello: 1, getStatus: 1, getCapabilities: 1, ping: 2 },
      damaged: {},
    });
    expect(summary.directions.device_to_host.messages).toMatchObject({
      deviceHello: 1,
      deviceStatus: 1,
      capabilities: 1,
      ping: 2,
    });
    expect(summary.duration_s).toBeGreaterThan(0);
  });

  it('counts damaged frames, and shows them as lines without a message', () => {
    const decoder = createCaptureDecoder();
    const noise = Uint8Array.from([9, 8, 7, 0]);
    const [line, ...others] = decoder.push('device_to_host', noise);
    expect(others).toEqual([]);
    expect(decoder.channels[line.channel].topic).toBe('link/frames');
    expect(JSON.parse(Buffer.from(line.data).toString())).toEqual({
      direction: 'device_to_host',
      verdict: 'cobs',
    });
    const facts = { label: '', opened_wall_ms: 0, dropped_bytes: 0 };
    const event = { kind: 'bytes', at_ms: 1, direction: 'device_to_host', bytes: noise } as const;
    const { directions } = summariseCapture({ facts, events: [event] });
    expect(directions.device_to_host).toMatchObject({ bytes: 4, frames: {}, damaged: { cobs: 1 } });
  });
});

describe('the schema inside', () => {
  const protoc = spawnSync('protoc', ['--version']);
  const compare = async (): Promise<void> => {
    const out = join(folder, 'protoc.fds');
    const made = spawnSync('protoc', [
      '-I',
      'proto',
      `--descriptor_set_out=${out}`,
      'thermoloop/v1/link.proto',
    ]);
    expect(made.stderr.toString()).toBe('');
    const plain = (bytes: Uint8Array): unknown =>
      JSON.parse(JSON.stringify(FileDescriptorSet.toObject(FileDescriptorSet.decode(bytes)), withoutNoise));
    expect(plain(descriptorSet)).toEqual(plain(await readFile(out)));
  };
  const name = 'is what protoc makes of link.proto';
  if (protoc.status === 0) it(name, compare);
  else it.skip(`${name} (skipped: protoc is not installed, apt-get install protobuf-compiler)`, compare);
});

/** protoc states every JSON name and no empty options. */
function withoutNoise(key: string, value: unknown): unknown {
  if (key === 'jsonName') return undefined;
  return key === 'options' && Object.keys(value as object).length === 0 ? undefined : value;
}
