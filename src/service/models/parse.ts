// From the bytes of an upload to a valid model, by its content type: JSON and .npz of our own, and the formats of
// neighbours, which the physics floor reads. Pure, so that it runs in the request or in
// a worker (upload.ts); every fault is a PhysicsError or a ParseError with a JSON pointer.
import {
  decodeLinearSystemNpz,
  decodeModelBqm,
  decodeModelNpz,
  decodeModelSafetensors,
  emptyModel,
  PhysicsError,
  quantise,
  validateModel,
  type Model,
  type ModelFile,
} from '../../physics/index.ts';
import { flawOfJson, isStorable, isTooDeep, JSON_DEPTH_MAX } from '../json-flaws.ts';

/** N x N float64 take 8 N^2 bytes in memory: 33 MB at this bound. */
export const UNITS_MAX = 2048;
/** Largest .npz content after unpacking: J, b, j2, j4 at UNITS_MAX and some metadata. */
const UNPACKED_BYTES_MAX = 40 * 2 ** 20;
const MEMBERS = ['units', 'couplings', 'biases', 'j2', 'j4', 'noiseTemperature_E0', 'name', 'metadata'];
const NAME_LENGTH_MAX = 200;
/** Metadata is read with every listing, so it stays small. */
const METADATA_BYTES_MAX = 64 * 1024;

/** What an upload may be. A linear system is an .npz too, but of other members: its own type says which is meant. */
export const modelFormats = [
  'application/json',
  'application/x-npz',
  'application/x-safetensors',
  'application/x-bqm+json',
  'application/x-linear-system+npz',
] as const;
export type ModelFormat = (typeof modelFormats)[number];

export interface ParsedModel {
  model: Model;
  name: string | null;
  metadata: Record<string, unknown>;
}

/** What is wrong with the form of an upload; the physics of it throws PhysicsError. */
export class ParseError extends Error {
  override readonly name = 'ParseError';
  readonly code: 'validation-failed' | 'malformed-json' | 'json-too-deep' | 'duplicate-pair';
  readonly pointer: string;
  readonly allowed: string;
  constructor(code: ParseError['code'], message: string, pointer: string, allowed: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.pointer = pointer;
    this.allowed = allowed;
  }
}

/** @throws {ParseError} @throws {PhysicsError} */
export function parseModel(bytes: Uint8Array, format: ModelFormat): ParsedModel {
  const parsed = parsers[format](bytes);
  validateModel(parsed.model);
  quantise(parsed.model); // what cannot be written in codes at all (a j4 of code 0) is refused here, not by a job
  return parsed;
}

const parsers: Record<ModelFormat, (bytes: Uint8Array) => ParsedModel> = {
  'application/json': parseJson,
  'application/x-npz': (bytes) => fromFile(decodeModelNpz(bytes, UNPACKED_BYTES_MAX)),
  'application/x-safetensors': (bytes) => fromFile(decodeModelSafetensors(bytes)),
  'application/x-bqm+json': parseBqm,
  'application/x-linear-system+npz': (bytes) =>
    fromFile(decodeLinearSystemNpz(bytes, { unpackedBytesMax: UNPACKED_BYTES_MAX, unitsMax: UNITS_MAX })),
};

function fromFile({ model, metadata }: ModelFile): ParsedModel {
  checkUnits(model.units);
  const { name, ...rest } = metadata;
  return { model, name: readName(name, '/metadata/name'), metadata: readMetadata(rest) };
}

function parseBqm(bytes: Uint8Array): ParsedModel {
  const { name, metadata, ...body } = readObject(bytes);
  const file = decodeModelBqm(body, UNITS_MAX);
  return {
    model: file.model,
    name: readName(name, '/name'),
    metadata: readMetadata({ ...readMetadata(metadata), ...file.metadata }),
  };
}

function parseJson(bytes: Uint8Array): ParsedModel {
  const body = readObject(bytes);
  const unknown = Object.keys(body).find((key) => !MEMBERS.includes(key));
  if (unknown !== undefined)
    throw invalid(`/${escapePointer(unknown)}`, 'unknown member', MEMBERS.join(', '));
  const units = readUnits(body);
  const standard = emptyModel(units);
  return {
    model: {
      units,
      couplings: readCouplings(body['couplings'], units),
      biases: readVector(body['biases'], 'biases', standard.biases),
      j2: readVector(body['j2'], 'j2', standard.j2),
      j4: readVector(body['j4'], 'j4', standard.j4),
      noiseTemperature_E0:
        body['noiseTemperature_E0'] === undefined
          ? standard.noiseTemperature_E0
          : readNumber(body['noiseTemperature_E0'], '/noiseTemperature_E0'),
    },
    name: readName(body['name'], '/name'),
    metadata: readMetadata(body['metadata']),
  };
}

function readObject(bytes: Uint8Array): Record<string, unknown> {
  const flaw = flawOfJson(bytes);
  if (flaw === 'too-deep')
    throw new ParseError(
      'json-too-deep',
      'the body is nested too deeply',
      '',
      `at most ${JSON_DEPTH_MAX} levels`,
    );
  if (flaw !== null)
    throw new ParseError(
      'malformed-json',
      `a text in the body holds a ${flaw}`,
      '',
      'text in Unicode without U+0000',
    );
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? cause.message.slice(0, 120) : 'it is not UTF-8';
    throw new ParseError('malformed-json', `the body is not JSON: ${why}`, '', 'a JSON object', cause);
  }
  if (isObject(value)) return value;
  throw invalid('', 'the body is not an object', 'an object with couplings');
}

// N comes from `units`, else from the rows of the matrix, else from the biases.
function readUnits(body: Record<string, unknown>): number {
  const { units, couplings, biases } = body;
  if (!Array.isArray(couplings))
    throw invalid('/couplings', 'couplings are missing', 'N rows of N numbers, or a list of {i, j, value}');
  const matrix = Array.isArray(couplings[0]);
  const counted = matrix ? couplings.length : Array.isArray(biases) ? biases.length : undefined;
  const found = units ?? counted;
  if (found === undefined) throw invalid('/units', 'units is needed with a list of pairs', 'a whole number');
  if (typeof found !== 'number') throw invalid('/units', 'units is not a number', 'a whole number');
  checkUnits(found);
  return found;
}

function checkUnits(units: number): void {
  if (Number.isInteger(units) && units >= 1 && units <= UNITS_MAX) return;
  throw new PhysicsError('wrong-shape', `a model of ${units} units is not supported`, {
    pointer: '/units',
    allowed: { min: 1, max: UNITS_MAX },
  });
}

function readCouplings(value: unknown, units: number): Float64Array {
  const rows = value as unknown[];
  if (rows.length > 0 && !Array.isArray(rows[0])) return readPairs(rows, units);
  if (rows.length === 0) return new Float64Array(units * units);
  if (rows.length !== units) throw shape('/couplings', rows.length, `${units} rows`);
  const out = new Float64Array(units * units);
  for (let i = 0; i < units; i++) {
    const row = rows[i];
    if (!Array.isArray(row)) throw invalid(`/couplings/${i}`, 'a row is not an array', `${units} numbers`);
    if (row.length !== units) throw shape(`/couplings/${i}`, row.length, `${units} numbers`);
    for (let j = 0; j < units; j++) {
      const entry: unknown = row[j];
      out[i * units + j] = typeof entry === 'number' ? entry : readNumber(entry, `/couplings/${i}/${j}`);
    }
  }
  return out;
}

function readPairs(pairs: unknown[], units: number): Float64Array {
  const out = new Float64Array(units * units);
  const seen = new Uint8Array(units * units);
  for (const [k, pair] of pairs.entries()) {
    const at = `/couplings/${k}`;
    if (!isObject(pair)) throw invalid(at, 'a pair is not an object', '{"i": 0, "j": 1, "value": 0.1}');
    const i = readIndex(pair['i'], `${at}/i`, units);
    const j = readIndex(pair['j'], `${at}/j`, units);
    const value = readNumber(pair['value'], `${at}/value`);
    if (i === j)
      throw new PhysicsError('nonzero-diagonal', `pair ${k} couples unit ${i} to itself`, {
        pointer: at,
        allowed: 'two different units',
      });
    if (seen[i * units + j] === 1)
      throw new ParseError('duplicate-pair', `the pair ${i}, ${j} is given twice`, at, 'each pair once');
    seen[i * units + j] = seen[j * units + i] = 1;
    out[i * units + j] = out[j * units + i] = value;
  }
  return out;
}

function readIndex(value: unknown, pointer: string, units: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < units) return value;
  throw invalid(pointer, 'not the index of a unit', `0 to ${units - 1}`);
}

function readVector(value: unknown, name: string, standard: Float64Array): Float64Array {
  if (value === undefined) return standard;
  if (typeof value === 'number') return standard.fill(value);
  if (!Array.isArray(value)) throw invalid(`/${name}`, 'not an array', `${standard.length} numbers`);
  if (value.length !== standard.length) throw shape(`/${name}`, value.length, `${standard.length} numbers`);
  return Float64Array.from(value, (entry: unknown, i) => readNumber(entry, `/${name}/${i}`));
}

// JSON has no NaN; programs write it as null or as a word, and 1e999 reads as infinity.
function readNumber(value: unknown, pointer: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  const wordsForNone = ['NaN', 'nan', 'Infinity', '-Infinity', 'inf', '-inf'];
  if (value === null || typeof value === 'number' || wordsForNone.includes(value as string))
    throw new PhysicsError('not-finite', `${pointer} is ${String(value)}`, {
      pointer,
      allowed: 'finite numbers',
    });
  throw invalid(pointer, 'not a number', 'a finite number');
}

function readName(value: unknown, pointer: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && value.length <= NAME_LENGTH_MAX && isStorable(value)) return value;
  throw invalid(pointer, 'not a name', `text of at most ${NAME_LENGTH_MAX} characters`);
}

function readMetadata(value: unknown): Record<string, unknown> {
  if (value === undefined) return {};
  if (!isObject(value)) throw invalid('/metadata', 'not an object', 'a JSON object');
  if (isTooDeep(value)) throw invalid('/metadata', 'nested too deeply', `at most ${JSON_DEPTH_MAX} levels`);
  if (JSON.stringify(value).length > METADATA_BYTES_MAX)
    throw invalid('/metadata', 'metadata is too long', `${METADATA_BYTES_MAX} characters of JSON`);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function invalid(pointer: string, message: string, allowed: string): ParseError {
  return new ParseError('validation-failed', message, pointer, allowed);
}

function shape(pointer: string, length: number, allowed: string): PhysicsError {
  return new PhysicsError('wrong-shape', `${pointer} has ${length} entries, expected ${allowed}`, {
    pointer,
    allowed,
  });
}
