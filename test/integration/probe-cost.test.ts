// What a probe between two jobs costs: on the program that is active it sends no image, evicts nothing, and the bytes and
// messages are those that docs/protocol.md states.
import { afterEach, expect, it } from 'vitest';
import { systemClock } from '../../src/clock/clock.ts';
import { Device, type MeasurePhase, type RelaxResult } from '../../src/device/index.ts';
import { emptyModel, quantise, type QuantisedProgram } from '../../src/physics/index.ts';
import { startMemoryTwin } from '../support/memory-twin.ts';
import { seededRandom32, seededUniform } from '../support/seeded-random.ts';

const UNITS = 64;
const SAMPLES = 64;
const PROBES = 20;
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Cost {
  requests: number;
  toDevice_bytes: number;
  toHost_bytes: number;
  wall_ms: number;
}

async function costOf(device: Device, act: () => Promise<RelaxResult>): Promise<Cost> {
  const before = device.counters().link;
  const started_ms = performance.now();
  expect((await act()).timing).toMatchObject({ skippedUpload: true, sentBytes: 0 });
  const wall_ms = performance.now() - started_ms;
  const after = device.counters().link;
  if (before === null || after === null) throw new Error('the link was lost');
  return {
    requests: after.requests - before.requests,
    toDevice_bytes: after.txBytes - before.txBytes,
    toHost_bytes: after.rxBytes - before.rxBytes,
    wall_ms,
  };
}

async function twinDevice(): Promise<Device> {
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

function glass(seed: number, device: Device): QuantisedProgram {
  const uniform = seededUniform(seed);
  const model = emptyModel(UNITS);
  for (let i = 0; i < UNITS; i++)
    for (let j = i + 1; j < UNITS; j++)
      model.couplings[i * UNITS + j] = model.couplings[j * UNITS + i] = 0.1 * (uniform() - 0.5);
  return quantise(model, device.capabilities?.ranges);
}

/** Zero coupling late in a hold, then the answer of the couplings to a known force: one schedule, three reads. */
function probe(device: Device, program: QuantisedProgram, seed: bigint): Promise<RelaxResult> {
  const force_E0 = Float64Array.from({ length: UNITS }, (_, i) => (i % 2 === 0 ? 0.5 : -0.5));
  const phases: MeasurePhase[] = [
    { duration_s: 2.5e-6, coupled: false, readAt_s: [2e-6, 2.5e-6] },
    { duration_s: 2.5e-6, coupled: true, field: { force_E0 }, readAt_s: [2.5e-6] },
  ];
  return device.measure({ program, samples: SAMPLES, phases, seed });
}

it('a probe on the active program sends no image and evicts nothing', async () => {
  const device = await twinDevice();
  const [other, active] = [glass(1, device), glass(2, device)];
  const relax = (program: QuantisedProgram): Promise<RelaxResult> =>
    device.relax({
      program,
      samples: 2,
      duration_s: 1e-6,
      readAt_s: [1e-6],
      recordSwitchOn: false,
      noiseTemperature_ratio: 1,
    });
  await relax(other);
  await relax(active);
  const first = await probe(device, active, 1n); // brings the field
  expect(first.timing).toMatchObject({ skippedUpload: true, sentBytes: 128 + (UNITS * 3) / 2 });

  const costs: Cost[] = [];
  for (let k = 0; k < PROBES; k++) costs.push(await costOf(device, () => probe(device, active, BigInt(k))));
  // A busy machine adds repeats and heartbeats to some of them; what a probe needs is what the cheapest one took.
  const least = (of: (cost: Cost) => number): number => Math.min(...costs.map(of));
  const record_bytes = SAMPLES * 3 * ((UNITS * 3) / 2);
  const cost = {
    requests: least((c) => c.requests),
    toDevice_bytes: least((c) => c.toDevice_bytes),
    toHost_bytes: least((c) => c.toHost_bytes),
  };
  const wall_ms = costs.map((c) => c.wall_ms).sort((a, b) => a - b);
  process.stderr.write(
    `a probe of ${SAMPLES} samples at N = ${UNITS}, ${record_bytes} bytes of codes: ${JSON.stringify(cost)}; ` +
      `wall time ${wall_ms[PROBES / 2].toFixed(0)} ms, ${wall_ms[0].toFixed(0)} at least\n`,
  );
  expect(cost.requests).toBe(7);
  expect(cost.toDevice_bytes).toBeLessThan(500);
  expect(cost.toHost_bytes - record_bytes).toBeLessThan(1000);
  // The program of the job before is still in its bank.
  expect((await relax(other)).timing).toMatchObject({ skippedUpload: true, sentBytes: 0 });
}, 60_000);
