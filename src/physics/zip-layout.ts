// The frame of a zip of stored members: what stands before, between and after them. So an archive can be sent, or a part of
// it, without holding all of it. The same bytes as zipStored (zip.ts) writes, which its test compares.

/** One member as its headers name it. */
export interface StoredMember {
  name: string;
  bytes: number;
  crc32: number;
}

/** Sizes and offsets are 32 bits wide here: what is larger needs another format. */
export const ZIP_BYTES_MAX = 0xffff_ffff;

const VERSION = 20;
/** 1 January 1980, as every archive of this project: the same content is the same bytes. */
const DATE = 0x0021_0000;
const LOCAL_BYTES = 30;
const ENTRY_BYTES = 46;
const END_BYTES = 22;

/** `heads[k]` goes before the content of member k, `directory` after the last one. */
export function zipLayout(members: readonly StoredMember[]): { heads: Uint8Array[]; directory: Uint8Array } {
  const names = members.map(({ name }) => new TextEncoder().encode(name));
  const heads = members.map((member, k) => localHeader(member, names[k]));
  const directoryBytes = names.reduce((sum, name) => sum + ENTRY_BYTES + name.length, 0);
  const directory = new Uint8Array(directoryBytes + END_BYTES);
  let at = 0;
  let offset = 0;
  members.forEach((member, k) => {
    at = directoryEntry(directory, at, member, { name: names[k], offset });
    offset += heads[k].length + member.bytes;
  });
  const view = new DataView(directory.buffer);
  view.setUint32(at, 0x06054b50, true);
  view.setUint16(at + 8, members.length, true);
  view.setUint16(at + 10, members.length, true);
  view.setUint32(at + 12, directoryBytes, true);
  view.setUint32(at + 16, offset, true);
  return { heads, directory };
}

function localHeader(member: StoredMember, name: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LOCAL_BYTES + name.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x04034b50, true);
  common(view, 4, member, name);
  bytes.set(name, LOCAL_BYTES);
  return bytes;
}

function directoryEntry(
  into: Uint8Array,
  at: number,
  member: StoredMember,
  where: { name: Uint8Array; offset: number },
): number {
  const view = new DataView(into.buffer);
  view.setUint32(at, 0x02014b50, true);
  view.setUint16(at + 4, VERSION, true);
  common(view, at + 6, member, where.name);
  view.setUint32(at + 42, where.offset, true);
  into.set(where.name, at + ENTRY_BYTES);
  return at + ENTRY_BYTES + where.name.length;
}

/** Version, flags, method, date, check sum, sizes, length of the name: the same in both headers. */
function common(view: DataView, at: number, { crc32, bytes }: StoredMember, name: Uint8Array): void {
  view.setUint16(at, VERSION, true);
  view.setUint32(at + 6, DATE, true);
  view.setUint32(at + 10, crc32, true);
  view.setUint32(at + 14, bytes, true);
  view.setUint32(at + 18, bytes, true);
  view.setUint16(at + 22, name.length, true);
}
