// Forces on the real twin, through fields, link, firmware and integer core, against quadrature and an exact identity.
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock/clock.ts';
import { Device, DeviceError, type MeasurePhase, type RelaxResult } from '../../src/device/index.ts';
import { emptyModel, quantise, type QuantisedProgram } from '../../src/physics/index.ts';
import { startMemoryTwin } from '../support/memory-twin.ts';
import { seededRandom32 } from '../support/seeded-random.ts';

const UNITS = 64;
const kT_E0 = 0.1;
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function readyDevice(): Promise<Device> {
  const twin = await startMemoryTwin({ units: UNITS });
  closers.push(() => twin.close());
  const device = new Device({
    id: 'twin',
    url: 'memory:',
    openPort: () => twin.openPort(),
    clock: systemClock,
    random32: seededRandom32(5),
    hostVersion: 'test',
  });
  closers.push(() => device.close());
  device.start();
  await device.whenReady(5000);
  return device;
}

const programOf = (device: Device): QuantisedProgram =>
  quantise(emptyModel(UNITS), device.capabilities?.ranges);
const forces = (force: (unit: number) => number): Float64Array =>
  Float64Array.from({ length: UNITS }, (_, i) => force(i));

/** <x> and its standard deviation under the density exp(-(x^2 + x^4 - f x)/kT), by the trapezoid rule. */
function underForce(force_E0: number): { mean: number; sd: number } {
  let [z, s1, s2] = [0, 0, 0];
  for (let x = -2; x <= 2; x += 1e-3) {
    const w = Math.exp(-(x * x + x ** 4 - force_E0 * x) / kT_E0);
    z += w;
    s1 += w * x;
    s2 += w * x * x;
  }
  return { mean: s1 / z, sd: Math.sqrt(s2 / z - (s1 / z) ** 2) };
}

/** Mean of f(x) over all samples and those units, at one read. */
function mean(
  result: RelaxResult,
  read: number,
  isOf: (unit: number) => boolean,
  f = (x: number) => x,
): number {
  const { codes, samples, reads, units, stateScale } = result;
  let [sum, count] = [0, 0];
  for (let s = 0; s < samples; s++)
    for (let i = 0; i < units; i++) {
      if (!isOf(i)) continue;
      sum += f(codes[(s * reads.length + read) * units + i] * stateScale);
      count += 1;
    }
  return sum / count;
}

it('an uncoupled unit under a constant force has the mean of its Boltzmann distribution', async () => {
  const device = await readyDevice();
  // Half of the units are pushed up, half of them down by another force; the second field exchanges them.
  const [up, down] = [0.5, -0.2];
  const first = forces((i) => (i < 32 ? up : down));
  const second = forces((i) => (i < 32 ? down : up));
  const settle = { duration_s: 4e-6, coupled: false };
  const phases: MeasurePhase[] = [
    { ...settle, field: { force_E0: first }, readAt_s: [4e-6] },
    { ...settle, field: { force_E0: second }, readAt_s: [4e-6] },
    { ...settle, field: { force_E0: first, from_ratio: -1, to_ratio: -1 }, readAt_s: [4e-6] },
  ];
  const result = await device.measure({ program: programOf(device), samples: 400, phases, seed: 3n });
  expect(result.reads.map(({ time_s }) => time_s)).toEqual([4e-6, 8e-6, 12e-6]);
  const half = [(i: number) => i < 32, (i: number) => i >= 32];
  const expected = [
    [up, down],
    [down, up],
    [-up, -down],
  ];
  expected.forEach((pair, read) =>
    pair.forEach((force, k) => {
      const exact = underForce(force);
      const stderr = exact.sd / Math.sqrt(400 * 32);
      expect(stderr).toBeLessThan(0.003);
      expect(Math.abs(mean(result, read, half[k]) - exact.mean) / stderr).toBeLessThan(4);
    }),
  );
  expect(Math.abs(underForce(up).mean - 0.194)).toBeLessThan(0.01); // 70 of these errors from no force at all
}, 60_000);

it('a ramp acts as it is written, moment by moment', async () => {
  const device = await readyDevice();
  const [samples, ramp_s, every_s] = [500, 2e-6, 2.5e-8];
  const field = { force_E0: forces(() => 2), from_ratio: -0.25, to_ratio: 1 };
  const phases: MeasurePhase[] = [
    { duration_s: ramp_s, coupled: false, field, readEvery_s: every_s, readAt_s: [0] },
  ];
  const result = await device.measure({ program: programOf(device), samples, phases, seed: 4n });
  // d<x>/dt = mu (f(t) - <2 x + 4 x^3>), exact for any state; what is left is noise of variance 2 mu kT t per unit.
  const { timeUnit_s } = device.capabilities!;
  const all = (): boolean => true;
  const drift = result.reads.map((_, r) => -mean(result, r, all, (x) => 2 * x + 4 * x ** 3));
  const h = every_s / timeUnit_s;
  let integral = 0;
  for (let r = 1; r < result.reads.length; r++) {
    const t = r * h;
    const end = ramp_s / timeUnit_s;
    integral += (h * (drift[r - 1] + drift[r])) / 2;
    const impulse = 2 * (-0.25 * t + (1.25 * t * t) / (2 * end));
    const residual = mean(result, r, all) - mean(result, 0, all) - integral - impulse;
    expect(Math.abs(residual) / Math.sqrt((2 * kT_E0 * t) / (samples * UNITS))).toBeLessThan(4);
  }
  expect(result.reads).toHaveLength(81);
}, 60_000);

it('sends a program and its fields once, and nothing when they are there', async () => {
  const device = await readyDevice();
  const program = programOf(device);
  const phase = (force: number): MeasurePhase => ({
    duration_s: 1e-7,
    coupled: true,
    field: { force_E0: forces((i) => (i === 7 ? force : 0)) },
    readAt_s: [1e-7],
  });
  const measure = (...force: number[]): Promise<RelaxResult> =>
    device.measure({ program, samples: 2, phases: force.map(phase), seed: 1n });
  const first = await measure(1, 2);
  expect(first.timing).toMatchObject({ skippedUpload: false });
  const again = await measure(2, 1);
  expect(again.timing).toMatchObject({ skippedUpload: true, sentBytes: 0 });
  // Ten fields in eight slots: the first two come back, by then sent again, while the last ones stay.
  for (const force of [3, 4, 5, 6, 7, 8, 9, 10]) await measure(force);
  expect((await measure(9, 10)).timing.sentBytes).toBe(0);
  const back = await measure(1, 2);
  expect(back.timing.sentBytes).toBe(2 * (128 + 96));
  expect(back.digest).toBe(first.digest);
}, 60_000);

it('refuses what does not fit before anything is sent', async () => {
  const device = await readyDevice();
  const phase: MeasurePhase = {
    duration_s: 1e-6,
    coupled: false,
    readAt_s: [1e-6],
    field: { force_E0: forces(() => 40) },
  };
  const refused = device.measure({ program: programOf(device), samples: 1, phases: [phase] });
  await expect(refused).rejects.toThrow(DeviceError);
  await expect(refused).rejects.toMatchObject({
    code: 'out-of-range',
    pointer: '/phases/0/field/force_E0/0',
  });
  expect(device.counters()).toMatchObject({
    uploads: 0,
    uploadedBytes: 0,
    operationsFailed: { 'out-of-range': 1 },
  });
});
