// The procedure around the thermometer: what it asks of a device, what it refuses, and what it says with its result.
import { describe, expect, it } from 'vitest';
import { twinCapabilities } from '../../../test/support/device-facts.ts';
import { quarticHolds } from '../../../test/support/quartic-holds.ts';
import type { DeviceCapabilities, HoldRequest, RelaxResult } from '../../device/index.ts';
import type { CalibrationProcedure as RunnerProcedure } from '../../jobs/index.ts';
import { NOTHING_KNOWN, calibrationProcedures } from '../index.ts';
import type { HoldDevice, JsonObject } from '../procedure.ts';

// The runner's idea of a procedure and this floor's agree; the floors may not import each other this way in the product.
const noiseTemperature: RunnerProcedure<HoldDevice> = calibrationProcedures['noise-temperature'];

interface Bench extends HoldDevice {
  requests: HoldRequest[];
}

/** A device whose units are in equilibrium at `ratio` times the programmed kT. */
function bench(ratio: number, capabilities: DeviceCapabilities | null): Bench {
  const requests: HoldRequest[] = [];
  return {
    id: 'd0',
    capabilities,
    requests,
    async hold(request, options) {
      requests.push(request);
      options.onProgress?.({ phase: 'programming', done: 1, total: 9 });
      options.onProgress?.({ phase: 'reading', done: request.samples, total: request.samples });
      const { codes } = quarticHolds({
        seed: Number(request.seed ?? 1n),
        holds: request.samples,
        reads: request.readAt_s.length,
        units: request.program.units,
        kT: () => ratio * 0.1,
      });
      return {
        codes,
        samples: request.samples,
        units: request.program.units,
        reads: request.readAt_s.map((time_s) => ({ time_s, label: 'read' })),
        stateScale: request.program.scale.state,
        programId: 'aa',
        digest: 'bb',
        step_s: request.step_s ?? 0,
        seed: request.seed?.toString() ?? null,
        noiseTemperature_ratio: 1,
        timing: {
          upload_s: 0,
          relax_s: 1,
          total_s: 1,
          sentBytes: 0,
          skippedUpload: false,
          patchedUpload: false,
        },
        device: {
          uid: 'u',
          backend: 'twin',
          bootId: 'b',
          firmware: 'f',
          schemaHash: 's',
          clock: { kind: 'system' },
        },
      } satisfies RelaxResult;
    },
  };
}

function run(device: HoldDevice, options: JsonObject, progress: object[] = []) {
  return noiseTemperature.run(device, options, {
    onProgress: (p) => progress.push(p),
    signal: new AbortController().signal,
    known: NOTHING_KNOWN,
    active: {},
  });
}

describe('calibration noise-temperature', () => {
  it('holds 2.5 time units, reads for another 2.5, and reports the planted value', async () => {
    const device = bench(1.1, twinCapabilities({ unitsMax: 48 }));
    const progress: object[] = [];
    const { values, stderr, device: identity } = await run(device, { seed: 3 }, progress);
    const [request] = device.requests;
    expect(request).toMatchObject({ samples: 200, step_s: 1e-9, noiseTemperature_ratio: 1, seed: 3n });
    expect(request.program.units).toBe(48);
    expect(request.program.couplingCode.every((c) => c === 0)).toBe(true);
    expect(request.readAt_s.map((t) => Math.round(t * 1e9))).toEqual(
      Array.from({ length: 11 }, (_, k) => 2500 + 250 * k),
    );
    expect(Math.abs((values['noiseTemperature_ratio'] as number) - 1.1)).toBeLessThan(0.02);
    expect(stderr['noiseTemperature_ratio']).toBeGreaterThan(0.002);
    expect(values).toMatchObject({ assumes: { readoutGain: 1 }, flagged: [], method: 'hold' });
    expect(values['statement']).toContain('cannot be separated');
    expect(values['perUnit']).toMatchObject({ quality: Array<string>(48).fill('ok') });
    expect(identity).toMatchObject({ backend: 'twin' });
    expect(progress).toEqual([{ done: 200, total: 200 }]);
    expect(JSON.parse(JSON.stringify({ values, stderr }))).toEqual({ values, stderr });
  });

  it('keeps to a device that holds fewer reads, is slower, or steps more coarsely', async () => {
    const few = bench(1, twinCapabilities({ unitsMax: 48, recordBytesMax: 3 * 72 }));
    const { values } = await run(few, { units: 48, holds: 20 });
    expect(few.requests[0].readAt_s).toHaveLength(3);
    expect(values['measurement']).toMatchObject({ reads: 3, holds: 20 });
    const slow = bench(1, twinCapabilities({ unitsMax: 4, timeUnit_s: 1e-3 }));
    await run(slow, { holds: 20, record_timeUnits: 0 });
    expect(slow.requests[0].readAt_s).toEqual([2.5e-3]);
    const coarse = bench(1, twinCapabilities({ unitsMax: 4, stepDefault_s: 1e-8, stepMin_s: 1e-9 }));
    await run(coarse, { holds: 20 });
    expect(coarse.requests[0].step_s).toBe(2e-9);
    await run(coarse, { holds: 20, step_timeUnits: 0.0025 });
    expect(coarse.requests[1].step_s).toBe(2e-9);
  });

  it.each([
    ['/holds', { holds: 5 }],
    ['/holds', { holds: 20.5 }],
    ['/units', { units: 65 }],
    ['/units', { units: '8' }],
    ['/step_timeUnits', { step_timeUnits: 0.005 }],
    ['/seed', { seed: -1 }],
    ['/seed', { seed: '99999999999999999999' }],
    ['/colour', { colour: 'red' }],
  ])('refuses %s and says what is allowed', async (pointer, options) => {
    const device = bench(1, twinCapabilities({ unitsMax: 64 }));
    await expect(run(device, options)).rejects.toMatchObject({
      name: 'CalibrationError',
      code: 'bad-option',
      pointer,
      remedy: expect.stringMatching(/^Allowed: /) as string,
    });
    expect(device.requests).toEqual([]);
  });

  it('needs a device that has said what it is', async () => {
    await expect(run(bench(1, null), {})).rejects.toMatchObject({ code: 'device-offline' });
  });
});
