// The thermometer's raw material through the whole path: a hold of uncoupled units at the device's own step, over link,
// firmware and core, against quadrature.
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock/clock.ts';
import { Device } from '../../src/device/index.ts';
import { emptyModel, equilibriumMoments, quantise } from '../../src/physics/index.ts';
import { startMemoryTwin } from '../support/memory-twin.ts';
import { seededRandom32 } from '../support/seeded-random.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

it('an uncoupled hold has <x^2> of the Boltzmann distribution to 0.5 %, read over the link', async () => {
  const units = 512;
  const twin = await startMemoryTwin({ units });
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
  const result = await device.hold({
    program: quantise(emptyModel(units), device.capabilities?.ranges),
    samples: 256,
    duration_s: 4.5e-6,
    readAt_s: [2.5e-6, 3e-6, 3.5e-6, 4e-6, 4.5e-6],
    noiseTemperature_ratio: 1,
    seed: 12n,
  });
  expect(result.step_s).toBe(1e-9);
  const { x2, x4 } = equilibriumMoments(0.1, 1, 1);
  let sum = 0;
  for (const code of result.codes) sum += (code * result.stateScale) ** 2;
  const reads = result.codes.length;
  // Reads 0.5 apart share exp(-2.8) of x^2; 1.1 allows for it in the error.
  const stderr_ratio = (1.1 * Math.sqrt(x4 / (x2 * x2) - 1)) / Math.sqrt(reads);
  expect(stderr_ratio).toBeLessThan(0.002);
  expect(Math.abs(sum / reads / x2 - 1)).toBeLessThan(0.005);
});
