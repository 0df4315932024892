// Payload of CHUNK and SAMPLES frames: raw bytes behind a stream id and an offset, never protobuf, because data and
// its address must not depend on field order (docs/protocol.md, section Bulk payload).
import { MessageError } from './errors.ts';

/** id u16, offset u48. */
export const BULK_HEADER_BYTES = 8;
const ID_MAX = 0xffff;
const OFFSET_MAX = 2 ** 48 - 1;

export interface Bulk {
  /** The transfer of a CHUNK, the run of a SAMPLES frame. */
  id: number;
  /** Of the first data byte in the image or the run, bytes. */
  offset: number;
  data: Uint8Array;
}

/** Throws MessageError when id or offset do not fit their 16 and 48 bits. */
export function encodeBulk(bulk: Bulk): Uint8Array {
  const { id, offset, data } = bulk;
  checkRange('id', id, ID_MAX);
  checkRange('offset', offset, OFFSET_MAX);
  const payload = new Uint8Array(BULK_HEADER_BYTES + data.length);
  const view = new DataView(payload.buffer);
  view.setUint16(0, id, true);
  view.setUint32(2, offset % 2 ** 32, true);
  view.setUint16(6, Math.floor(offset / 2 ** 32), true);
  payload.set(data, BULK_HEADER_BYTES);
  return payload;
}

/** null when the payload is shorter than its header. `data` is a view of `payload`. */
export function decodeBulk(payload: Uint8Array): Bulk | null {
  if (payload.length < BULK_HEADER_BYTES) return null;
  const view = new DataView(payload.buffer, payload.byteOffset, BULK_HEADER_BYTES);
  return {
    id: view.getUint16(0, true),
    offset: view.getUint32(2, true) + view.getUint16(6, true) * 2 ** 32,
    data: payload.subarray(BULK_HEADER_BYTES),
  };
}

function checkRange(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new MessageError('out-of-range', `bulk.${name}`, `${value} is no integer within 0..${max}`);
  }
}
