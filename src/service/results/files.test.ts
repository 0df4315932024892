// The files as other programs read them: NumPy, Apache Arrow and hyparquet, and digests that only a change of format moves.
import { tableFromIPC } from 'apache-arrow';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodeNpz } from '../../physics/index.ts';
import { digestOf } from '../../store/index.ts';
import { encodeSamples, segmentsOf } from './encode.ts';
import { SampleEncoder } from './encoder.ts';
import { sampleFormatNames, type SampleFormat } from './formats.ts';
import type { Provenance } from './provenance.ts';
import { readSegments, statesOf } from './segments.ts';
import type { Encoded, SampleSource } from './source.ts';

const SHAPE = [7, 2, 5];
const codes = Int16Array.from({ length: 70 }, (_, k) => ((k * 977) % 4095) - 2047);
const heat_kT = Float64Array.from({ length: 7 }, (_, k) => Math.sin(k) * 3);
const bytesOf = (numbers: Int16Array | Float64Array): Uint8Array =>
  new Uint8Array(numbers.buffer.slice(0) as ArrayBuffer);

function sourceWith(heat: Float64Array | null): SampleSource {
  const provenance: Provenance = {
    job: '01JOB',
    finishedAt: '2026-11-24T00:00:00.000Z',
    device: 'chip-0',
    deviceUid: 'cafe',
    backend: 'twin',
    faultsActive: false,
    firmware: '0.1 \u00fc',
    schemaHash: '1cc9d8e7',
    bootId: '1',
    clock: { kind: 'system' },
    model: `sha256:${'a'.repeat(64)}`,
    programDigest: 'sha256:1',
    seed: '18446744073709551615',
    step_s: 1e-9,
    fastMode: false,
    noiseTemperature_ratio: 1,
    noiseTemperature_E0: 0.1,
    calibration: null,
    shape: SHAPE,
    reads: [
      { time_s: 0, label: 'switch-on' },
      { time_s: 2.5e-6, label: 'read' },
    ],
    stateScale: 2 ** -10,
    samplesDigest: digestOf(bytesOf(codes)),
    heatDigest: heat === null ? null : digestOf(bytesOf(heat)),
    certificate: '/v1/jobs/01JOB/certificate',
  };
  return { provenance, codes: bytesOf(codes), heat: heat === null ? null : bytesOf(heat) };
}

const source = sourceWith(heat_kT);
const layoutOf = ({ provenance }: SampleSource) => ({ provenance, withProvenance: true });
const x = statesOf(codes, 2 ** -10);

/** The file of a format, as it would be sent. */
async function fileOf(format: SampleFormat, from = source): Promise<Uint8Array> {
  const layout = layoutOf(from);
  const { body, facts } = await encodeSamples({ format, source: from, layout });
  if (body !== null) return body;
  const pieces: Uint8Array[] = [];
  const segments = segmentsOf(format, layout, facts.crc32) ?? [];
  for await (const piece of readSegments(segments, async (of, a, b) =>
    (of === 'codes' ? from.codes : (from.heat ?? new Uint8Array())).subarray(a, b),
  ))
    pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('files of samples', () => {
  // A new digest is a new format: clients hold files to it. Say why in the changelog.
  it.each<[SampleFormat, string]>([
    ['json', 'c157c4b69bef939db5828e9835dc73beba7247a2ecad361017d8f929ba2fca41'],
    ['npy', 'f98caf00df2da1b6880b3b423b55e32562b59daccc929b99233f1932aaeb8f05'],
    ['npz', 'bfe5eca21a280501b02e96ddd5e636fab41a1580f8474d275592bad865eff64c'],
    ['csv', '2babd803907bfea80818cc6a0cf08eab0d0895a00ae9303ee5238570b8e7a1c9'],
    ['arrow', '235671566ed9e00632f43f4df23e45a72df4ffe71ae2c4486617926b923764e0'],
    ['parquet', '2392cd78bc98ab9295f4b736d947a7d3a5b64a08bbba0e9fe2c87b9d1016ce1c'],
    ['raw', '3879d10cf173e7777d4d4053b2bd77987cc6b7509f40257b9ebd8b50f82454b1'],
  ])('%s is the same bytes as ever', async (format, digest) => {
    expect(sha256(await fileOf(format))).toBe(digest);
  });

  it('.npz is what an archive written at once would be', async () => {
    const { provenance } = source;
    const text = new TextEncoder().encode(JSON.stringify(provenance));
    const whole = encodeNpz({
      x: { shape: SHAPE, data: x },
      time_s: { shape: [2], data: Float64Array.from([0, 2.5e-6]) },
      heat_kT: { shape: [7], data: heat_kT },
      provenance: { shape: [text.length], data: text },
    });
    expect(Buffer.from(await fileOf('npz')).equals(whole)).toBe(true);
  });

  it('Arrow is read back by Arrow, with and without heat', async () => {
    for (const from of [source, sourceWith(null)]) {
      const table = tableFromIPC(await fileOf('arrow', from));
      expect(table.schema.fields.map((field) => `${field.name}: ${String(field.type)}`)).toEqual([
        'sample: Int32',
        'read: Int32',
        'time_s: Float64',
        'label: Utf8',
        'heat_kT: Float64',
        'x: FixedSizeList[5]<Float32>',
      ]);
      const text = table.schema.metadata.get('thermoloop.provenance') ?? '';
      expect(JSON.parse(text)).toEqual(from.provenance);
      expect(table.numRows).toBe(14);
      const row = table.get(5)?.toJSON() as { x: Iterable<number>; [name: string]: unknown };
      expect({ ...row, x: [...row.x] }).toEqual({
        sample: 2,
        read: 1,
        time_s: 2.5e-6,
        label: 'read',
        heat_kT: from.heat === null ? null : heat_kT[2],
        x: [...x.subarray(25, 30)],
      });
    }
  });

  it('Parquet is read back by hyparquet, with and without heat', async () => {
    for (const from of [source, sourceWith(null)]) {
      const bytes = await fileOf('parquet', from);
      const file = new Uint8Array(bytes).buffer;
      const metadata = parquetMetadata(file);
      const kept = metadata.key_value_metadata?.find(({ key }) => key === 'thermoloop.provenance');
      expect(JSON.parse(kept?.value ?? '')).toEqual(from.provenance);
      const rows = await parquetReadObjects({ file });
      expect(rows).toHaveLength(14);
      expect(rows[5]).toEqual({
        sample: 2,
        read: 1,
        time_s: 2.5e-6,
        label: 'read',
        heat_kT: from.heat === null ? null : heat_kT[2],
        x: [...x.subarray(25, 30)],
      });
    }
  });

  it('that the worker makes are those made in the request', async () => {
    const blobs = new Map([
      [source.provenance.samplesDigest, source.codes],
      [source.provenance.heatDigest, source.heat],
    ]);
    const get = async (digest: string): Promise<Uint8Array> => new Uint8Array(blobs.get(digest) ?? []);
    // Only the size decides who does it: so the same numbers, many times over, in one long job.
    const many = 100;
    const long = Int16Array.from({ length: many * codes.length }, (_, k) => codes[k % codes.length]);
    const provenance = {
      ...sourceWith(null).provenance,
      shape: [7 * many, 2, 5],
      samplesDigest: digestOf(bytesOf(long)),
    };
    blobs.set(provenance.samplesDigest, bytesOf(long));
    const encoder = new SampleEncoder({ blobs: { get } as never });
    try {
      const { signal } = new AbortController();
      const layout = { provenance, withProvenance: true };
      const inWorker: Encoded[] = await Promise.all(
        sampleFormatNames.map((format) => encoder.encode({ format, layout }, signal)),
      );
      for (const [k, format] of sampleFormatNames.entries()) {
        const long_ = { provenance, codes: bytesOf(long), heat: null };
        const here = await encodeSamples({ format, layout, source: long_ });
        expect([format, inWorker[k].facts]).toEqual([format, here.facts]);
        expect(inWorker[k].body && sha256(inWorker[k].body)).toBe(here.body && sha256(here.body));
      }
    } finally {
      await encoder.close();
    }
  });
});

function hasNumpy(): boolean {
  try {
    execFileSync('python3', ['-c', 'import numpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

if (hasNumpy()) describe('NumPy', readByNumpy);
else describe.skip('NumPy (skipped: python3 has no numpy, apt-get install python3-numpy)', readByNumpy);

function readByNumpy(): void {
  const folder = mkdtempSync(join(tmpdir(), 'thermoloop-numpy-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const python = (script: string): unknown =>
    JSON.parse(
      execFileSync('python3', ['-c', `import json, numpy as np\n${script}`], {
        cwd: folder,
        encoding: 'utf8',
      }),
    );

  it('reads .npy, .npz, codes and CSV as the same numbers', async () => {
    for (const format of ['npy', 'npz', 'csv', 'raw'] as const)
      writeFileSync(join(folder, `samples.${format}`), await fileOf(format));
    const found = python(`
x = np.load('samples.npy')
z = np.load('samples.npz')
codes = np.fromfile('samples.raw', dtype='<i2').reshape(7, 2, 5)
table = np.genfromtxt('samples.csv', delimiter=',', skip_header=2, usecols=range(5, 10))
print(json.dumps({
  'dtype': str(x.dtype), 'shape': x.shape, 'x': x.ravel().tolist(),
  'npz': bool((z['x'] == x).all()), 'raw': bool((codes * 2.0**-10 == x).all()),
  'csv': bool((table == x.reshape(14, 5)).all()),
  'time_s': z['time_s'].tolist(), 'heat_kT': z['heat_kT'].tolist(),
  'provenance': json.loads(z['provenance'].tobytes()),
}))`);
    expect(found).toEqual({
      dtype: 'float32',
      shape: SHAPE,
      x: [...x],
      npz: true,
      raw: true,
      csv: true,
      time_s: [0, 2.5e-6],
      heat_kT: [...heat_kT],
      provenance: source.provenance,
    });
  });
}
