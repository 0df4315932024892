// The public face of the frame layer: what host and twin share below the messages.
export { cobsDecode, cobsEncode, cobsMaxLength } from './cobs.ts';
export { crc32c } from './crc32c.ts';
export {
  encodeFrame,
  FRAME_OVERHEAD_BYTES,
  FrameError,
  FrameFlag,
  FrameKind,
  maxWireBytes,
  UART_MAX_PAYLOAD,
  USB_MAX_PAYLOAD,
  WIRE_VERSION,
} from './frame.ts';
export type {
  CorruptReason,
  DecodeResult,
  Frame,
  FrameKindValue,
  FrameRole,
  ReceivedFrame,
  RejectReason,
} from './frame.ts';
export { StreamDecoder } from './stream-decoder.ts';
export type { StreamCounters, StreamDecoderOptions } from './stream-decoder.ts';
