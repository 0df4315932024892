// A day of a drifting chip in one process on one clock: calibrated every hour, with heartbeats, watchdogs and the service
// all at work; and twice the same.
import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/client/index.ts';
import { emptyModel, encodeModelNpz } from '../../src/physics/index.ts';
import { startVirtualService } from '../support/virtual-service.ts';

const UNITS = 64;
const HOUR_S = 3600;
const HOURS = 24;
const HOLDS = 100;
/** For a machine with other work; about 10 s when it has none. */
const LIMIT = { timeout: 300_000 };
const JOB_SAMPLES = 40;

interface Day {
  temperatures: number[];
  calibrations: Resource[];
  jobs: Resource[];
  samplesSha256: string;
  states: string[];
  wall_s: number;
  cpu_s: number;
  bytes: number;
  writes: number;
}

const report: string[] = [];
afterAll(() => void process.stdout.write(`${report.join('\n')}\n`));

/** Works every hour, at `offset_s` after it. */
async function day(hours: number, offset_s = 0): Promise<Day> {
  const start = performance.now();
  const startCpu = process.cpuUsage();
  const service = await startVirtualService({
    units: UNITS,
    seed: 11n,
    profile: 'typical',
    first_s: HOUR_S + offset_s,
  });
  const { client, clock, traffic } = service;
  const model = await client.uploadModel(encodeModelNpz({ model: emptyModel(UNITS), metadata: {} }));
  const work: string[] = [];
  const states: string[] = [];
  let arrived = service.first;
  for (let hour = 1; hour <= hours; hour++) {
    const go = await arrived;
    expect(clock.now_ms()).toBe((hour * HOUR_S + offset_s) * 1000);
    const { state } = await client.json('GET', '/v1/devices/chip-0');
    states.push(state);
    const relax = hour % 4 === 0;
    const { id } = relax
      ? await client.json('POST', '/v1/jobs', {
          model,
          device: { id: 'chip-0' },
          relax: { duration_s: 2.5e-6 },
          samples: { count: JOB_SAMPLES },
          seed: 7,
        })
      : await client.json('POST', '/v1/calibrations', {
          device: 'chip-0',
          kind: 'noise-temperature',
          options: { holds: HOLDS, seed: 7 },
        });
    const path = `/v1/${relax ? 'jobs' : 'calibrations'}/${id}`;
    for (let row = await client.json('GET', path); row.state === 'queued';)
      row = await client.json('GET', path, undefined, { prefer: 'wait=1' });
    work.push(path);
    arrived = service.at((hour + 1) * HOUR_S + offset_s);
    go();
  }
  await arrived;
  const ended = await Promise.all(work.map((path) => client.wait(path)));
  const jobs = ended.filter((row) => 'model' in row);
  const hash = createHash('sha256');
  for (const job of jobs)
    hash.update(await client.download(`/v1/jobs/${job.id}/samples?provenance=none`, 'application/x-npz'));
  const calibrations = ended.filter((row) => !('model' in row));
  await service.close();
  const { user, system } = process.cpuUsage(startCpu);
  return {
    calibrations,
    jobs,
    temperatures: calibrations.map(
      ({ values }) => (values as { noiseTemperature_ratio: number }).noiseTemperature_ratio,
    ),
    samplesSha256: hash.digest('hex'),
    states,
    wall_s: (performance.now() - start) / 1000,
    cpu_s: (user + system) / 1e6,
    bytes: traffic.bytes,
    writes: traffic.writes,
  };
}

describe('a virtual day', () => {
  it('drifts, stays connected for 24 h, and says that its time is virtual', LIMIT, async () => {
    const { calibrations, jobs, temperatures, states, wall_s, cpu_s, bytes, writes } = await day(HOURS);
    const samples = calibrations.length * HOLDS + jobs.length * JOB_SAMPLES;
    report.push(
      `24 h of a "typical" chip: N = ${UNITS}, dt = 0.001 (1 ns), ${samples} samples in ${HOURS} operations; ` +
        `${writes} writes, ${bytes} bytes on the line; ${wall_s.toFixed(1)} s, ${cpu_s.toFixed(1)} s of CPU time`,
    );
    expect(states).toEqual(Array(HOURS).fill('ready'));
    for (const row of [...calibrations, ...jobs])
      expect([row.state, row['failure']]).toEqual(['succeeded', null]);
    const virtual = { kind: 'virtual', speed: 'max' };
    for (const row of calibrations)
      expect(row).toMatchObject({ provenance: { backend: 'twin', clock: virtual } });
    for (const row of jobs) expect(row).toMatchObject({ result: { provenance: { clock: virtual } } });
    // One heartbeat a second from the device at least, for a day.
    expect(writes).toBeGreaterThan(HOURS * HOUR_S);
    // The drift of the noise temperature is 0.3 % rms; the error bar of one calibration is larger, but the seed is the
    // same every time, so what differs is drift.
    const mean = temperatures.reduce((a, b) => a + b) / temperatures.length;
    const rms = Math.sqrt(temperatures.reduce((sum, t) => sum + (t - mean) ** 2, 0) / temperatures.length);
    report.push(`noise temperature over the day: mean ${mean.toFixed(4)}, rms ${(100 * rms).toFixed(2)} %`);
    expect(new Set(temperatures).size).toBe(temperatures.length);
    expect(rms).toBeGreaterThan(0.0005);
    expect(rms).toBeLessThan(0.01);
  });

  it('gives the same bytes twice for one seed and schedule, and others at other times', LIMIT, async () => {
    const days = [await day(4), await day(4), await day(4, 600)];
    const [first, again, later] = days.map(({ calibrations, samplesSha256 }) => ({
      samplesSha256,
      values: calibrations.map(({ values, stderr }) => ({ values, stderr })),
    }));
    expect(first.samplesSha256).toBe(again.samplesSha256);
    expect(first.values).toEqual(again.values);
    expect(later.samplesSha256).not.toBe(first.samplesSha256);
    expect(later.values).not.toEqual(first.values);
  });
});
