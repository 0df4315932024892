// Reading the converter reference: what the device is asked, what is refused before, and the real twin behind it.
import { afterEach, describe, expect, it } from 'vitest';
import { twinCapabilities } from '../../test/support/device-facts.ts';
import { FakeLink } from '../../test/support/fake-link.ts';
import { startMemoryTwin } from '../../test/support/memory-twin.ts';
import { seededRandom32 } from '../../test/support/seeded-random.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { systemClock } from '../clock/clock.ts';
import type { Port } from '../transports/port.ts';
import { Device } from './device.ts';
import { planReference } from './reference.ts';
import type { DeviceCapabilities, ReferenceRequest } from './types.ts';

const request = (changes: Partial<ReferenceRequest> = {}): ReferenceRequest => ({
  units: 4,
  samples: 5,
  levels_x: [-1, 0, 0.75],
  ...changes,
});
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('planReference', () => {
  it('puts levels into steps of the device, and says what they come to', () => {
    const plan = planReference(request(), twinCapabilities());
    expect(plan).toMatchObject({ samples: 5, units: 4, reads: 3, recordBytes: 3 * 6 });
    expect(plan.levels_ratio).toEqual([-21845 / 32768, 0, 0.5]);
    expect(plan.levels_x[2]).toBe(0.75);
    expect(Math.abs(plan.levels_x[0] + 1)).toBeLessThanOrEqual(1.5 / 65536);
  });

  it.each<[string, Partial<ReferenceRequest>, string, Partial<DeviceCapabilities>?]>([
    ['no units', { units: 0 }, '/units'],
    ['half a unit', { units: 1.5 }, '/units'],
    ['more units than there are', { units: 1297 }, '/units'],
    ['no samples', { samples: 0 }, '/samples'],
    ['no level', { levels_x: [] }, '/levels_x'],
    ['seventeen levels', { levels_x: new Array<number>(17).fill(0) }, '/levels_x'],
    ['a level above the largest', { levels_x: [0, 1.51] }, '/levels_x/1'],
    ['a level that is none', { levels_x: [NaN] }, '/levels_x/0'],
    ['a negative seed', { seed: -1n }, '/seed'],
    ['a record that has no room', {}, '/levels_x', { recordBytesMax: 17 }],
  ])('refuses %s, and says where', (_what, wrong, pointer, changes) => {
    expect(() => planReference(request(wrong), twinCapabilities(changes))).toThrow(
      expect.objectContaining({ code: 'out-of-range', pointer }),
    );
  });

  it('refuses a device without a reference, and a seed where none is taken', () => {
    expect(() => planReference(request(), twinCapabilities({ reference: null }))).toThrow(
      expect.objectContaining({ code: 'refused' }),
    );
    expect(() => planReference(request({ seed: 1n }), twinCapabilities({ seed: false }))).toThrow(
      expect.objectContaining({ code: 'refused', pointer: '/seed' }),
    );
  });
});

describe('a device', () => {
  it('asks for it and for nothing else, and counts no upload', async () => {
    const clock = new VirtualClock();
    const link = new FakeLink();
    const device = new Device(
      {
        id: 'd0',
        url: 'tcp://127.0.0.1:1',
        openPort: () => ({ label: 'fake' }) as Port,
        clock,
        random32: seededRandom32(1),
        hostVersion: 'test',
      },
      async () => link,
    );
    device.start();
    await clock.settle(device.whenReady(1000));
    expect(device.capabilities?.reference).toEqual({ level_max_x: 1.5, uncertainty_ratio: 1e-3 });
    const result = await device.readReference(request({ seed: 3n }));
    expect(link.calls.filter((call) => !call.startsWith('subscribe'))).toEqual(['readReference']);
    expect(link.references).toEqual([
      { units: 4, samples: 5, levels_ratio: [-21845 / 32768, 0, 0.5], seed: 3n },
    ]);
    expect(result).toMatchObject({ samples: 5, units: 4, programId: '', seed: '3', stateScale: 2 ** -10 });
    expect(result.codes).toHaveLength(5 * 3 * 4);
    expect(device.counters()).toMatchObject({ uploads: 0, uploadsSkipped: 0, operations: 1, samples: 5 });
  });

  it('gives the levels that the real twin converts', async () => {
    const twin = await startMemoryTwin({ units: 16 });
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
    const progress: number[] = [];
    const result = await device.readReference(request({ units: 16, samples: 100, levels_x: [-1.5, 0.75] }), {
      onProgress: ({ phase, done }) => phase === 'reading' && progress.push(done),
    });
    expect(result.reads).toHaveLength(2);
    expect(result.codes).toHaveLength(100 * 2 * 16);
    const expected = result.codes.map((_, k) => (Math.floor(k / 16) % 2 === 0 ? -1536 : 768));
    expect(result.codes).toEqual(expected);
    expect(progress.at(-1)).toBe(100);
    expect(result.device.backend).toBe('twin');
  });
});
