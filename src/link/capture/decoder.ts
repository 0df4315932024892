// The messages inside recorded bytes, for viewers: each intact frame as a line of JSON, and its protobuf payload on a
// channel that carries the schema of the wire. Chunks and samples are no protobuf and show as frames only.
import type { CaptureDecoder, DecodedChannel, DecodedMessage, Direction } from '../../transports/index.ts';
import { FrameKind, StreamDecoder, USB_MAX_PAYLOAD, type DecodeResult } from '../frame/index.ts';
import { FILE_DESCRIPTOR_SET_BASE64 } from '../messages/generated/descriptor.ts';

const FRAME_SCHEMA = {
  name: 'thermoloop.LinkFrame',
  encoding: 'jsonschema',
  data: new TextEncoder().encode(
    JSON.stringify({
      type: 'object',
      required: ['direction', 'verdict'],
      properties: {
        direction: { enum: ['host_to_device', 'device_to_host'] },
        verdict: { type: 'string', description: 'intact, or why the frame was dropped' },
        kind: { type: 'string' },
        flags: { type: 'number' },
        session: { type: 'number' },
        seq: { type: 'number' },
        payload_bytes: { type: 'number' },
      },
    }),
  ),
};

const descriptorSet = Uint8Array.from(Buffer.from(FILE_DESCRIPTOR_SET_BASE64, 'base64'));
const protobuf = (topic: string, message: string): DecodedChannel => ({
  topic: `link/messages/${topic}`,
  messageEncoding: 'protobuf',
  schema: { name: `thermoloop.v1.${message}`, encoding: 'protobuf', data: descriptorSet },
});

const FRAMES = 0;
const CHANNELS: readonly DecodedChannel[] = [
  { topic: 'link/frames', messageEncoding: 'json', schema: FRAME_SCHEMA },
  protobuf('host_hello', 'HostHello'),
  protobuf('device_hello', 'DeviceHello'),
  protobuf('to_device', 'Envelope'),
  protobuf('to_host', 'Envelope'),
  protobuf('events', 'Event'),
  protobuf('log', 'LogLine'),
];
/** Index into CHANNELS by kind of frame and direction; chunks and samples have none. */
const CHANNEL_OF: Record<Direction, Partial<Record<number, number>>> = {
  host_to_device: { [FrameKind.hello]: 1, [FrameKind.rpc]: 3 },
  device_to_host: { [FrameKind.hello]: 2, [FrameKind.rpc]: 4, [FrameKind.event]: 5, [FrameKind.log]: 6 },
};
const KIND_NAMES: Record<number, string> = Object.fromEntries(
  Object.entries(FrameKind).map(([name, kind]) => [kind, name]),
);

export const frameKindName = (kind: number): string => KIND_NAMES[kind] ?? `kind ${kind}`;

/** Both directions of a recorded line, as frames. `onResult` is called in their order. */
export function frameStreams(
  onResult: (direction: Direction, result: DecodeResult) => void,
): Record<Direction, StreamDecoder> {
  const stream = (direction: Direction, role: 'host' | 'device'): StreamDecoder =>
    new StreamDecoder({
      role,
      maxPayload: USB_MAX_PAYLOAD,
      onResult: (result) => onResult(direction, result),
    });
  return {
    host_to_device: stream('host_to_device', 'device'),
    device_to_host: stream('device_to_host', 'host'),
  };
}

/** What a recorder around the port of a link writes beside the bytes. */
export function createCaptureDecoder(): CaptureDecoder {
  let found: DecodedMessage[] = [];
  const streams = frameStreams((direction, result) => found.push(...messagesOf(direction, result)));
  return {
    channels: CHANNELS,
    push(direction, bytes) {
      found = [];
      streams[direction].push(bytes);
      return found;
    },
  };
}

function messagesOf(direction: Direction, result: DecodeResult): DecodedMessage[] {
  const json = (fields: object): DecodedMessage => ({
    channel: FRAMES,
    data: new TextEncoder().encode(JSON.stringify({ direction, ...fields })),
  });
  if (result.kind === 'corrupt') return [json({ verdict: result.reason })];
  const { kind, flags, session, seq, payload } = result.frame;
  const facts = { kind: frameKindName(kind), flags, session, seq, payload_bytes: payload.length };
  if (result.kind === 'rejected') return [json({ verdict: result.reason, ...facts })];
  const channel = CHANNEL_OF[direction][kind];
  const frame = json({ verdict: 'intact', ...facts });
  return channel === undefined ? [frame] : [frame, { channel, data: payload }];
}
