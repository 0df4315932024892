// A linear system end to end: (A, b) uploaded as .npz, relaxed on the twin behind a memory port, and the samples held to
// the mean A^-1 b and the covariance kT A^-1. Seeded; 4 standard errors.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inverse, Matrix } from 'ml-matrix';
import { decodeNpz, encodeNpz } from '../../src/physics/index.ts';
import { seededUniform } from '../support/seeded-random.ts';
import { startVirtualService, type VirtualService } from '../support/virtual-service.ts';

const UNITS = 8;
const SAMPLES = 4000;
const KT_E0 = 0.05;
const ERRORS = 4;

let service: VirtualService;
beforeAll(async () => {
  const started = await startVirtualService({ units: UNITS, seed: 3n, profile: 'ideal', first_s: 1 });
  service = started;
  (await started.first)();
});
afterAll(() => service.close());

/** 2 on the diagonal and couplings up to 0.3 in size: eigenvalues above 1 for this seed. */
function system(seed: number): { A: Matrix; b: number[] } {
  const uniform = seededUniform(seed);
  const A = Matrix.eye(UNITS, UNITS).mul(2);
  for (let i = 0; i < UNITS; i++)
    for (let j = i + 1; j < UNITS; j++) {
      A.set(i, j, 0.6 * uniform() - 0.3);
      A.set(j, i, A.get(i, j));
    }
  return { A, b: Array.from({ length: UNITS }, () => 2 * uniform() - 1) };
}

it('samples the solution and the inverse of a linear system', { timeout: 60_000 }, async () => {
  const { A, b } = system(12);
  const bytes = encodeNpz({
    A: { shape: [UNITS, UNITS], data: Float64Array.from(A.to1DArray()) },
    b: { shape: [UNITS], data: Float64Array.from(b) },
    kT: { shape: [], data: Float64Array.of(KT_E0) },
  });
  const { client } = service;
  const response = await client.request('POST', '/v1/models', {
    body: bytes,
    headers: { 'content-type': 'application/x-linear-system+npz' },
  });
  const model = (await response.json()) as {
    digest: string;
    metadata: { linearSystem: { meanMax_x: number } };
  };
  const inverseA = inverse(A);
  const mean = inverseA.mmul(Matrix.columnVector(b)).to1DArray();
  expect(model.metadata.linearSystem.meanMax_x).toBeCloseTo(Math.max(...mean.map(Math.abs)), 12);
  const { id } = await client.json('POST', '/v1/jobs', {
    model: model.digest,
    device: { id: 'chip-0', backend: 'twin' },
    // The softest mode (above 1 E0) keeps exp(-8) of where it began.
    relax: { duration_s: 8e-6 },
    samples: { count: SAMPLES },
    seed: '12',
  });
  const job = await client.wait(`/v1/jobs/${id}`);
  expect([job.state, job['failure']]).toEqual(['succeeded', null]);
  const x = decodeNpz(await client.download(`/v1/jobs/${id}/samples`, 'application/x-npz')).get('x');
  if (x === undefined) throw new Error('no samples');
  const [count, reads, units] = x.shape;
  expect([count, units]).toEqual([SAMPLES, UNITS]);
  const last = (sample: number, i: number): number =>
    Number(x.data[(sample * reads + reads - 1) * units + i]);
  for (let i = 0; i < UNITS; i++) {
    // Coordinates are independent from sample to sample, so the errors are those of a normal distribution (Wick).
    const C = (a: number, c: number): number => KT_E0 * inverseA.get(a, c);
    let sum = 0;
    for (let s = 0; s < SAMPLES; s++) sum += last(s, i);
    expect(Math.abs(sum / SAMPLES - mean[i]) / Math.sqrt(C(i, i) / SAMPLES)).toBeLessThan(ERRORS);
    for (let j = i; j < UNITS; j++) {
      let product = 0;
      for (let s = 0; s < SAMPLES; s++) product += (last(s, i) - mean[i]) * (last(s, j) - mean[j]);
      const stderr = Math.sqrt((C(i, i) * C(j, j) + C(i, j) ** 2) / SAMPLES);
      expect(Math.abs(product / SAMPLES - C(i, j)) / stderr).toBeLessThan(ERRORS);
    }
  }
});
