// Calibration `full` on a small twin: everything in order, kept or checked the second time, and honest about what failed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unwatched } from '../../../test/support/calibration-known.ts';
import { profileWith } from '../../../test/support/chip-profiles.ts';
import { truthOf } from '../../../test/support/chip-truth.ts';
import { connectTwin, type ConnectedTwin } from '../../../test/support/connected-twin.ts';
import { twinCapabilities } from '../../../test/support/device-facts.ts';
import { DeviceError } from '../../device/index.ts';
import type { JsonObject } from '../json.ts';
import { knowledgeFrom } from '../knowledge.ts';
import type { CalibrationOutcome, ReferenceDevice } from '../procedure.ts';
import { full } from './procedure.ts';

const UNITS = 12;
const profile = profileWith({
  readout: {
    gain: { common_ratio: -0.03, spread_ratio: 0.01 },
    offset: { spread_x: 0.01 },
    noise: { rms_x: 0.006 },
  },
  potential: { j2: { common_ratio: 0.04 }, j4: { common_ratio: -0.03 } },
  noise: { temperature: { common_ratio: 0.06 } },
  couplings: { gain: { common_ratio: -0.07 } },
});
const truth = truthOf(profile, UNITS);
const ONE_UNIT = ['readout-offset', 'readout-gain', 'potential', 'noise-temperature', 'mobility'];

const states = ({ values }: CalibrationOutcome): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(values['nodes'] as Record<string, JsonObject>).map(([kind, { state }]) => [kind, state]),
  );
const node = ({ values }: CalibrationOutcome, kind: string): JsonObject =>
  (values['nodes'] as Record<string, JsonObject>)[kind];

let twin: ConnectedTwin;
let first: CalibrationOutcome;
const progress: { done: number; total: number }[] = [];
beforeAll(async () => {
  twin = await connectTwin({ units: UNITS, profile });
  first = await full.run(twin.device, { seed: 5 }, { ...unwatched(), onProgress: (p) => progress.push(p) });
}, 60_000);
afterAll(() => twin.close());

/** The twin, with what a test changes. */
function changed(change: Partial<ReferenceDevice>): ReferenceDevice {
  const { device } = twin;
  return {
    id: device.id,
    capabilities: device.capabilities,
    hold: (...asked) => device.hold(...asked),
    measure: (...asked) => device.measure(...asked),
    readReference: (...asked) => device.readReference(...asked),
    ...change,
  };
}

describe('calibration full', () => {
  it('measures every node, each on what the ones before found', () => {
    expect(new Set(Object.values(states(first)))).toEqual(new Set(['succeeded']));
    expect(Object.keys(states(first))).toHaveLength(8);
    const known = knowledgeFrom({ full: first });
    const mean = (values: ArrayLike<number>): number =>
      Array.from(values).reduce((sum, v) => sum + v, 0) / values.length;
    expect(mean(known.readout?.gain_ratio ?? [])).toBeCloseTo(mean(truth.readoutGain_ratio), 2);
    expect(mean(known.potential?.j2_ratio ?? [])).toBeCloseTo(1.04, 1);
    expect(known.noiseTemperature?.common_ratio).toBeCloseTo(1.06, 1);
    expect(known.coupling?.common_ratio).toBeCloseTo(0.93, 1);
    expect(known.coupling?.map_ratio).toHaveLength(UNITS * UNITS);
    expect(known.mask).toEqual({ dead: [], stuck: [], missing: [] });
    // The temperature was computed with the gain of this very calibration.
    expect((node(first, 'noise-temperature')['values'] as JsonObject)['assumes']).toEqual({});
    expect(progress.at(-1)).toEqual({ done: 1000, total: 1000 });
    expect(progress.every(({ done }, k) => k === 0 || done >= progress[k - 1].done)).toBe(true);
  });

  it('keeps what is young, and looks at what is older before it measures it anew', async () => {
    const active = { full: { ...first, age_s: 500 } };
    const options = { seed: 6, nodes: ONE_UNIT.slice(2), maxAge_s: 1000 };
    await expect(full.run(twin.device, options, { ...unwatched(), active })).rejects.toMatchObject({
      code: 'no-usable-units',
      message: expect.stringContaining('mobility kept') as string,
    });
    const checked = await full.run(
      twin.device,
      { ...options, maxAge_s: 100, check: true },
      { ...unwatched(), active },
    );
    expect(states(checked)).toEqual({ potential: 'kept', 'noise-temperature': 'kept', mobility: 'kept' });
    expect(node(checked, 'mobility')['check_z']).toBeLessThan(4);
    // Kept values stay part of the result, with their age.
    expect(node(checked, 'potential')).toMatchObject({
      age_s: 500,
      values: node(first, 'potential')['values'] as object,
    });
    expect(knowledgeFrom({ full: checked }).potential).toEqual(knowledgeFrom({ full: first }).potential);
  });

  it('measures what a look finds moved, and all that stands on it', async () => {
    const moved = structuredClone(first);
    (node(moved, 'noise-temperature')['values'] as JsonObject)['noiseTemperature_ratio'] = 1.3;
    const again = await full.run(
      twin.device,
      { seed: 7, nodes: ['noise-temperature', 'mobility'], check: true },
      { ...unwatched(), active: { full: { ...moved, age_s: 9 } } },
    );
    expect(states(again)).toEqual({ 'noise-temperature': 'succeeded', mobility: 'succeeded' });
    expect(node(again, 'noise-temperature')['check_z']).toBeGreaterThan(4);
  });

  it('says why a node failed, and skips those that stand on it with that reason', async () => {
    const device = changed({
      measure: () => Promise.reject(new DeviceError('refused', 'the field converters are off')),
    });
    const result = await full.run(device, { seed: 8, nodes: ONE_UNIT }, unwatched());
    expect(states(result)).toMatchObject({
      'readout-offset': 'succeeded',
      'readout-gain': 'succeeded',
      potential: 'failed',
      'noise-temperature': 'skipped',
      mobility: 'skipped',
    });
    expect(node(result, 'potential')['reason']).toContain('field converters are off');
    expect(node(result, 'mobility')['reason']).toContain('potential failed');
    expect(knowledgeFrom({ full: result }).potential).toBeNull();
  });

  it('goes on without a converter reference, and ends when the line is lost', async () => {
    const { capabilities } = twin.device;
    const bare = changed({ capabilities: capabilities && { ...capabilities, reference: null } });
    const result = await full.run(bare, { seed: 9, nodes: ONE_UNIT.slice(0, 3) }, unwatched());
    expect(states(result)).toEqual({
      'readout-offset': 'succeeded',
      'readout-gain': 'impossible',
      potential: 'succeeded',
    });
    expect((node(result, 'potential')['values'] as JsonObject)['assumes']).toMatchObject({ readoutGain: 1 });
    const lost = changed({ readReference: () => Promise.reject(new DeviceError('link-lost', 'gone')) });
    await expect(full.run(lost, {}, unwatched())).rejects.toMatchObject({ code: 'link-lost' });
  });
});

describe('its options', () => {
  const capabilities = twinCapabilities({
    unitsMax: 64,
    reference: { level_max_x: 1.5, uncertainty_ratio: 1e-3 },
  });
  it.each([
    ['/nodes', { nodes: ['potentials'] }],
    ['/nodes', { nodes: [] }],
    ['/check', { check: 1 }],
    ['/maxAge_s', { maxAge_s: -1 }],
    ['/maxDevice_s', { maxDevice_s: 1e-6 }],
    ['/holds', { holds: 3 }],
  ])('refuses %s and says what is allowed', (pointer, options) => {
    expect(() => full.check(options, capabilities)).toThrow(
      expect.objectContaining({ code: 'bad-option', pointer }) as Error,
    );
  });

  it('plans the device time beforehand', () => {
    const all = full.cost_s?.({}, capabilities) ?? 0;
    const some = full.cost_s?.({ nodes: ['potential', 'mobility'] }, capabilities) ?? 0;
    expect(some).toBeCloseTo(7 * 240 * 20e-6 + 1200 * 4e-6, 9);
    expect(all).toBeGreaterThan(some);
    expect(() => full.check({ maxDevice_s: all }, capabilities)).not.toThrow();
  });
});
