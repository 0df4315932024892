// Just enough of the zip format for .npz: writes stored members with a fixed date (same content, same bytes), reads stored
// and deflated members and checks lengths and CRC-32, so that a truncated or damaged file never becomes numbers.
import { inflateSync, zipSync } from 'fflate';
import { PhysicsError } from './errors.ts';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const END_BYTES = 22;
const MEMBERS_MAX = 64;

/** Largest sum of unpacked members that a reader accepts unless told otherwise. */
export const UNPACKED_BYTES_MAX = 512 * 2 ** 20;

/** A zip of stored members in the given order. */
export function zipStored(members: ReadonlyMap<string, Uint8Array>): Uint8Array {
  // The date is written in local time: built from local parts it is the same bytes everywhere.
  const options = { level: 0, mtime: new Date(1980, 0, 1) } as const;
  return zipSync(Object.fromEntries([...members].map(([name, bytes]) => [name, [bytes, options]])));
}

/**
 * All members of a zip.
 * @throws {PhysicsError} bad-npz
 */
export function unzip(bytes: Uint8Array, maxUnpackedBytes = UNPACKED_BYTES_MAX): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const members = new Map<string, Uint8Array>();
  return guarded(() => {
    let room = maxUnpackedBytes;
    for (const entry of directory(bytes, view)) {
      room -= entry.unpackedBytes;
      if (room < 0) throw badZip(`it unpacks to more than ${maxUnpackedBytes} bytes`);
      if (members.has(entry.name)) throw badZip(`member ${entry.name} appears twice`);
      members.set(entry.name, extract(bytes, view, entry));
    }
    return members;
  });
}

/**
 * The size of all members together, as the directory states it; unzip refuses what is larger than stated.
 * @throws {PhysicsError} bad-npz
 */
export function unpackedBytesOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return guarded(() => {
    let sum = 0;
    for (const entry of directory(bytes, view)) sum += entry.unpackedBytes;
    return sum;
  });
}

function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof PhysicsError) throw error;
    throw badZip('it is truncated or damaged', error); // a RangeError of the DataView, or the inflater's own error
  }
}

function* directory(bytes: Uint8Array, view: DataView): Generator<Entry> {
  const end = findEnd(view);
  const count = view.getUint16(end + 10, true);
  if (count > MEMBERS_MAX) throw badZip(`${count} members, at most ${MEMBERS_MAX}`);
  let at = view.getUint32(end + 16, true);
  for (let k = 0; k < count; k++) {
    const entry = readEntry(bytes, view, at);
    yield entry;
    at = entry.next;
  }
}

interface Entry {
  name: string;
  method: number;
  crc: number;
  packedBytes: number;
  unpackedBytes: number;
  localHeader: number;
  next: number;
}

function findEnd(view: DataView): number {
  const lowest = Math.max(0, view.byteLength - END_BYTES - 0xffff);
  for (let at = view.byteLength - END_BYTES; at >= lowest; at--)
    if (view.getUint32(at, true) === END_OF_DIRECTORY) return at;
  throw badZip('it has no end-of-directory record: not a zip, or truncated');
}

function readEntry(bytes: Uint8Array, view: DataView, at: number): Entry {
  if (view.getUint32(at, true) !== DIRECTORY_ENTRY) throw badZip('its directory is damaged');
  const nameBytes = view.getUint16(at + 28, true);
  const extraBytes = view.getUint16(at + 30, true);
  const commentBytes = view.getUint16(at + 32, true);
  const entry: Entry = {
    name: new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameBytes)),
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    packedBytes: view.getUint32(at + 20, true),
    unpackedBytes: view.getUint32(at + 24, true),
    localHeader: view.getUint32(at + 42, true),
    next: at + 46 + nameBytes + extraBytes + commentBytes,
  };
  // numpy writes zip64 extras into local headers only; sizes of 4 GB in the directory itself are beyond any model.
  if (entry.packedBytes === 0xffffffff || entry.unpackedBytes === 0xffffffff)
    throw badZip('members above 4 GB');
  if ((view.getUint16(at + 8, true) & 1) !== 0) throw badZip('it is encrypted');
  return entry;
}

function extract(bytes: Uint8Array, view: DataView, entry: Entry): Uint8Array {
  const at = entry.localHeader;
  if (view.getUint32(at, true) !== LOCAL_HEADER) throw badZip(`member ${entry.name} has no header`);
  const from = at + 30 + view.getUint16(at + 26, true) + view.getUint16(at + 28, true);
  const packed = bytes.subarray(from, from + entry.packedBytes);
  if (packed.length !== entry.packedBytes) throw badZip(`member ${entry.name} is truncated`);
  const content = unpack(packed, entry);
  if (content.length !== entry.unpackedBytes || crc32(content) !== entry.crc)
    throw badZip(`member ${entry.name} fails its check sum`);
  return content;
}

function unpack(packed: Uint8Array, entry: Entry): Uint8Array {
  if (entry.method === 0) return packed;
  if (entry.method === 8) return inflateSync(packed, { out: new Uint8Array(entry.unpackedBytes) });
  throw badZip(`member ${entry.name} uses compression method ${entry.method}`);
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let k = 0; k < bytes.length; k++) crc = crcTable[(crc ^ bytes[k]) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function badZip(message: string, cause?: unknown): PhysicsError {
  return new PhysicsError('bad-npz', `not a readable .npz: ${message}`, {
    allowed: 'a .npz as numpy.savez or numpy.savez_compressed writes it',
    cause,
  });
}
