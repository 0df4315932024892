// Whether a samples file holds the numbers that a certificate names. The certificate names the readout codes, not a file
// format: x / stateScale gives the codes back exactly, so that JSON, .npy and .npz are all held to one digest.
import { createHash } from 'node:crypto';
import { decodeNpy, decodeNpz } from '../physics/index.ts';
import { CertificateError } from './errors.ts';
import type { Certificate } from './schema.ts';

const MAGIC = { npy: [0x93, 0x4e, 0x55, 0x4d], zip: [0x50, 0x4b, 0x03, 0x04] };
/** Digits, commas and brackets of the longest float64 in JSON. */
const BYTES_PER_NUMBER_MAX = 32;
const OVERHEAD_BYTES_MAX = 2 ** 20;

/** A samples file of this certificate is not longer, in any format. */
export function samplesBytesMax({ samples }: Certificate): number {
  const [count, reads, units] = samples.shape;
  return (count * reads * units + count + reads) * BYTES_PER_NUMBER_MAX + OVERHEAD_BYTES_MAX;
}

/**
 * Names the parts of the file that were compared: `x`, `time_s`, `heat_kT`, and what JSON says beside them.
 * @throws {CertificateError} samples-differ, malformed-samples
 */
export function verifySamples(certificate: Certificate, bytes: Uint8Array): string[] {
  const max = samplesBytesMax(certificate);
  if (bytes.length > max)
    throw differ(`it has ${bytes.length} bytes, and the samples of this job at most ${max}`);
  if (sha256(bytes) === certificate.samples.digest) return ['codes'];
  const parts = read(bytes, max);
  if (!parts.has('x')) throw new CertificateError('malformed-samples', 'it has no member x');
  for (const [name, part] of parts) check(certificate, name, part);
  return [...parts.keys()];
}

type Numbers = { shape: readonly number[]; data: ArrayLike<number | bigint> };
type Part = Numbers | string | null;

function read(bytes: Uint8Array, max: number): Map<string, Part> {
  const starts = (magic: number[]): boolean => magic.every((byte, k) => bytes[k] === byte);
  try {
    if (starts(MAGIC.npy)) return new Map([['x', decodeNpy(bytes)]]);
    if (starts(MAGIC.zip)) return decodeNpz(bytes, max);
    return fromJson(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    const { message } = error as Error;
    throw new CertificateError('malformed-samples', `it cannot be read: ${message}`, error);
  }
}

function fromJson(document: unknown): Map<string, Part> {
  const bad = new CertificateError('malformed-samples', 'it is not the JSON of GET /v1/jobs/{id}/samples');
  if (document === null || typeof document !== 'object' || Array.isArray(document)) throw bad;
  const parts = new Map<string, Part>();
  for (const [name, value] of Object.entries(document) as [string, unknown][]) {
    if (name === 'shape') continue; // x has its own
    if (name === 'provenance') parts.set(name, JSON.stringify(value));
    else if (value === null || typeof value === 'string') parts.set(name, value);
    else if (name === 'labels') parts.set(name, JSON.stringify(value));
    else if (Array.isArray(value)) parts.set(name, { shape: shapeOf(value), data: numbersOf(value, bad) });
    else throw bad;
  }
  return parts;
}

/** Lengths along the first items; numbersOf finds what is ragged by its count. */
function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...(value.length > 0 ? shapeOf(value[0]) : [])] : [];
}

function numbersOf(array: unknown[], bad: CertificateError): number[] {
  const flat = array.flat(3);
  for (const item of flat) if (typeof item !== 'number') throw bad;
  return flat as number[];
}

function check(certificate: Certificate, name: string, part: Part): void {
  const { job, device, program, samples, heat } = certificate;
  const says: Record<string, string> = {
    job: job.id,
    device: device.id,
    backend: device.backend,
    model: program.model,
    labels: JSON.stringify(samples.reads.map((each) => each.label)),
  };
  if (Object.hasOwn(says, name)) {
    if (part !== says[name]) throw differ(`its ${name} is ${JSON.stringify(part)}, not ${says[name]}`);
  } else if (name === 'heat_kT') {
    if (part === null && heat === null) return;
    const found = part !== null && typeof part !== 'string' ? float64Digest(part.data) : null;
    if (found !== (heat?.digest ?? null)) throw differ('its heat_kT is not the certified heat');
  } else if (name === 'provenance') checkProvenance(says, part);
  else if (part === null || typeof part === 'string')
    throw differ(`the certificate knows nothing of its member ${name}`);
  else if (name === 'x') checkStates(samples, part);
  else if (name === 'time_s') {
    const same = samples.reads.every((each, k) => each.time_s === Number(part.data[k]));
    if (!same || part.data.length !== samples.reads.length) throw differ('its time_s are not the times read');
  } else throw differ(`the certificate knows nothing of its member ${name}`);
}

/** The file's own account of itself: JSON, in a .npz as bytes. What the certificate says too must be the same. */
function checkProvenance(says: Record<string, string>, part: Part): void {
  const text =
    part === null || typeof part === 'string'
      ? (part ?? '')
      : new TextDecoder().decode(Uint8Array.from(part.data, Number));
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new CertificateError('malformed-samples', 'its provenance is not JSON', error);
  }
  if (found === null || typeof found !== 'object') throw differ('its provenance says nothing');
  for (const name of ['job', 'device', 'backend', 'model']) {
    const value = (found as Record<string, unknown>)[name];
    if (value !== says[name])
      throw differ(`its provenance names ${name} ${JSON.stringify(value)}, not ${says[name]}`);
  }
}

function checkStates({ shape, stateScale, digest }: Certificate['samples'], x: Numbers): void {
  const count = shape.reduce((a, b) => a * b, 1);
  if (x.shape.join() !== shape.join() || x.data.length !== count)
    throw differ(`x has the shape (${x.shape.join(', ')}), not (${shape.join(', ')})`);
  const codes = new Int16Array(count);
  for (let k = 0; k < count; k++) {
    const value = Number(x.data[k]);
    codes[k] = Math.round(value / stateScale);
    const exact = codes[k] * stateScale;
    // Files of float32 have the rounded product, JSON the product itself.
    if (value !== exact && value !== Math.fround(exact)) throw differ(`x[${k}] (flat) is no readout value`);
  }
  if (sha256(new Uint8Array(codes.buffer)) !== digest) throw differ('its x has not the certified digest');
}

/** Little-endian as the machine is (x64, arm64). */
function float64Digest(numbers: ArrayLike<number | bigint>): string {
  return sha256(new Uint8Array(Float64Array.from(numbers, Number).buffer));
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function differ(message: string): CertificateError {
  return new CertificateError('samples-differ', `the samples file is not of this certificate: ${message}`);
}
