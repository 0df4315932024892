// Which field goes into which slot, and that all fields of a schedule are in the device when it runs.
import { describe, expect, it } from 'vitest';
import { twinCapabilities } from '../../test/support/device-facts.ts';
import { FakeLink } from '../../test/support/fake-link.ts';
import { LinkError } from '../link/index.ts';
import { appliedForce_E0, fieldImage, type FieldImage } from './field-images.ts';
import { FieldSlots, loadFields } from './field-slots.ts';

const { ranges } = twinCapabilities();
const field = (...force_E0: number[]): FieldImage => fieldImage(Float64Array.from(force_E0), ranges);

describe('the slots', () => {
  it('are filled one after the other, then the least recently used one is taken', () => {
    const slots = new FieldSlots();
    expect(slots.take(['a', 'b'], 3)).toEqual([0, 1]);
    expect(slots.take(['c'], 3)).toEqual([2]);
    expect(slots.take(['a'], 3)).toEqual([0]);
    expect(slots.take(['d'], 3)).toEqual([1]); // b was used longest ago
    expect(slots.take(['b'], 3)).toEqual([2]);
  });

  it('never give the place of one field of a schedule to another of it', () => {
    const slots = new FieldSlots();
    slots.take(['a', 'b', 'c'], 3);
    // b is the second oldest, and wanted: the new ones go where a and c were.
    expect(slots.take(['d', 'b', 'e'], 3)).toEqual([0, 1, 2]);
  });

  it('forget what lies beyond the slots of a device that has fewer now', () => {
    const slots = new FieldSlots();
    slots.take(['a', 'b', 'c'], 3);
    expect(slots.take(['c', 'b'], 2)).toEqual([0, 1]);
  });
});

describe('loading', () => {
  it('sends what is not there, once, and its bytes are counted', async () => {
    const link = new FakeLink();
    const slots = new FieldSlots();
    const [a, b] = [field(1, 0), field(0, 1)];
    expect(await loadFields(link, [a, b], slots, undefined)).toBe(a.bytes.length + b.bytes.length);
    expect(link.slots).toEqual([a.id, b.id]);
    expect(await loadFields(link, [b, a], slots, undefined)).toBe(0);
    expect(link.written).toEqual([0, 1]);
  });

  it('asks nothing of the link without fields', async () => {
    const link = new FakeLink();
    expect(await loadFields(link, [], new FieldSlots(), undefined)).toBe(0);
    expect(link.calls).toEqual([]);
  });

  it('loads again what another field was written over, whoever put it there', async () => {
    const link = new FakeLink();
    const [a, b] = [field(1, 0), field(0, 1)];
    link.slots[1] = a.id; // of an earlier process: this one will give slot 0 to a and slot 1 to b
    await loadFields(link, [a, b], new FieldSlots(), undefined);
    expect(link.slots).toEqual([a.id, b.id]);
  });

  it('loads all of them again after a reboot of the device', async () => {
    const link = new FakeLink();
    const slots = new FieldSlots();
    await loadFields(link, [field(1), field(2, 0)], slots, undefined);
    link.slots.length = 0;
    await loadFields(link, [field(1), field(2, 0)], slots, undefined);
    expect(link.written).toEqual([0, 1, 0, 1]);
  });

  it('ends with the reason of the link', async () => {
    const link = new FakeLink();
    link.nextError = new LinkError('link-timeout', 'no report');
    await expect(loadFields(link, [field(1)], new FieldSlots(), undefined)).rejects.toThrow('no report');
  });
});

describe('field images', () => {
  it('are one for equal forces, and hold forces of one size exactly', () => {
    expect(field(0.5, -0.5).id).toBe(field(0.5, -0.5).id);
    expect(field(0.5, -0.5).id).not.toBe(field(0.5, 0.5).id);
    expect(appliedForce_E0(Float64Array.of(0.3, -0.3), ranges)).toEqual(Float64Array.of(0.3, -0.3));
    const [big, small] = appliedForce_E0(Float64Array.of(5, 0.0031), ranges);
    expect(big).toBeCloseTo(5, 12);
    expect(Math.abs(small - 0.0031)).toBeLessThanOrEqual(5 / 3274 + 1e-12);
    expect(small).not.toBe(0.0031);
  });
});
