// Models as .safetensors: u64 length of the header, the header as JSON, then the tensors without holes. The names are
// those of the .npz form: J, b, j2, j4, kT. Nothing in the header is believed before it is checked against the bytes.
import { PhysicsError } from './errors.ts';
import { modelFromArrays, type ModelFile } from './model-file.ts';
import type { NpyArray } from './npy.ts';

/** Five tensors take about 400 bytes; what is left is room for `__metadata__`. */
export const SAFETENSORS_HEADER_BYTES_MAX = 128 * 1024;
const LENGTH_BYTES = 8;
const NAMES = ['J', 'b', 'j2', 'j4', 'kT'];
const AXES_MAX = 8;
const bytesPerNumber = new Map([
  ['F32', 4],
  ['F64', 8],
]);

/** What a .safetensors file holds. */
export interface Safetensors {
  tensors: Map<string, NpyArray>;
  /** `__metadata__`: text by name. */
  metadata: Record<string, string>;
}

interface Tensor {
  name: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

/**
 * Reads a model. J is required; the other tensors default as in decodeModelNpz. `__metadata__` becomes the metadata.
 * @throws {PhysicsError} bad-safetensors, not-finite, and all of validateModel's
 */
export function decodeModelSafetensors(bytes: Uint8Array): ModelFile {
  const { tensors, metadata } = decodeSafetensors(bytes);
  const other = [...tensors.keys()].find((name) => !NAMES.includes(name));
  if (other !== undefined) throw bad(`unknown tensor ${quote(other)}`, `/${escape(other)}`, names());
  return { model: modelFromArrays(tensors, 'bad-safetensors'), metadata };
}

/**
 * Reads all tensors of a file: F32 and F64, little-endian, in row order.
 * @throws {PhysicsError} bad-safetensors with the tensor's name as pointer
 */
export function decodeSafetensors(bytes: Uint8Array): Safetensors {
  if (bytes.length < LENGTH_BYTES) throw bad(`${bytes.length} bytes are no header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > BigInt(SAFETENSORS_HEADER_BYTES_MAX))
    throw bad(
      `a header of ${headerBytes} bytes`,
      '',
      `at most ${SAFETENSORS_HEADER_BYTES_MAX} bytes of header`,
    );
  const dataFrom = LENGTH_BYTES + Number(headerBytes);
  if (dataFrom > bytes.length) throw bad(`the header has ${headerBytes} bytes, the file ${bytes.length}`);
  const header = parseHeader(bytes.subarray(LENGTH_BYTES, dataFrom));
  const { __metadata__, ...described } = header;
  const layout = Object.entries(described).map(([name, value]) => readTensor(name, value));
  checkLayout(layout, bytes.length - dataFrom);
  const tensors = new Map<string, NpyArray>();
  for (const tensor of layout)
    tensors.set(tensor.name, { shape: tensor.shape, data: numbers(view, dataFrom, tensor) });
  return { tensors, metadata: readMetadata(__metadata__) };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw bad('the header is not JSON in UTF-8', '', 'a JSON object', cause);
  }
  if (!isObject(value) || !text.startsWith('{')) throw bad('the header does not begin with an object');
  const twice = firstRepeatedKey(text);
  if (twice !== undefined)
    throw bad(`${quote(twice)} stands in the header twice`, `/${escape(twice)}`, 'each name once');
  return value;
}

// JSON.parse keeps the last of two equal keys; which bytes a name means must not depend on that. The text is valid JSON
// by now, so a string at depth 1 that is followed by a colon is a key.
function firstRepeatedKey(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1 && token.endsWith(':')) {
      const key = JSON.parse(token.slice(0, -1)) as string;
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
  return undefined;
}

function readTensor(name: string, value: unknown): Tensor {
  const at = `/${escape(name)}`;
  if (!isObject(value)) throw bad(`${quote(name)} is not described by an object`, at);
  const { dtype, shape, data_offsets: offsets } = value;
  const width = bytesPerNumber.get(String(dtype));
  if (width === undefined || typeof dtype !== 'string')
    throw bad(
      `${quote(name)} has numbers of type ${quote(dtype)}`,
      at,
      [...bytesPerNumber.keys()].join(' or '),
    );
  if (!isCounts(shape) || shape.length > AXES_MAX)
    throw bad(`${quote(name)} has no shape`, at, 'a list of counts');
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[1] < offsets[0])
    throw bad(`${quote(name)} has no data_offsets`, at, '[begin, end] in bytes after the header');
  const [begin, end] = offsets;
  const expected = shape.reduce((a, b) => a * b, width);
  if (expected !== end - begin)
    throw bad(
      `${quote(name)} of shape (${shape.join(', ')}) has ${end - begin} bytes`,
      at,
      `${expected} bytes`,
    );
  return { name, dtype, shape, begin, end };
}

// The format allows neither holes nor overlaps: in the order of their offsets the tensors fill the data exactly.
function checkLayout(layout: readonly Tensor[], dataBytes: number): void {
  let at = 0;
  for (const { name, begin, end } of layout.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at)
      throw bad(
        `${quote(name)} begins at byte ${begin}, not ${at}`,
        `/${escape(name)}`,
        'no holes, no overlaps',
      );
    if (end > dataBytes)
      throw bad(`${quote(name)} ends at byte ${end} of ${dataBytes}`, `/${escape(name)}`, 'the whole file');
    at = end;
  }
  if (at !== dataBytes) throw bad(`${dataBytes} bytes of data, of which the tensors take ${at}`);
}

// The header may have any length, so that the data lie unaligned: no typed array over the file itself.
function numbers(view: DataView, dataFrom: number, { name, dtype, begin, end }: Tensor): Float64Array {
  const wide = dtype === 'F64';
  const width = wide ? 8 : 4;
  const out = new Float64Array((end - begin) / width);
  for (let k = 0, at = dataFrom + begin; k < out.length; k++, at += width) {
    out[k] = wide ? view.getFloat64(at, true) : view.getFloat32(at, true);
    if (!Number.isFinite(out[k]))
      throw new PhysicsError('not-finite', `number ${k} of ${quote(name)} is ${out[k]}`, {
        pointer: `/${escape(name)}/${k}`,
        allowed: 'finite numbers',
      });
  }
  return out;
}

function readMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value) || Object.values(value).some((text) => typeof text !== 'string'))
    throw bad('__metadata__ is not an object of texts', '/__metadata__', 'text by name');
  return value as Record<string, string>;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
}

function escape(name: string): string {
  return name.slice(0, 60).replaceAll('~', '~0').replaceAll('/', '~1');
}

function quote(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 60);
}

function names(): string {
  return `tensors ${NAMES.join(', ')}`;
}

function bad(
  message: string,
  pointer = '',
  allowed = 'a whole .safetensors file',
  cause?: unknown,
): PhysicsError {
  return new PhysicsError('bad-safetensors', `cannot read the .safetensors file: ${message}`, {
    pointer,
    allowed,
    cause,
  });
}
