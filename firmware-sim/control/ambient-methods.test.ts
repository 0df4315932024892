// The surroundings as a client of the control channel sees and changes them, down to the die.
import { describe, expect, it } from 'vitest';
import { createTwin } from '../ports/index.ts';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { ambientMethods, type ControlConnection } from './index.ts';

const nobody = {} as ControlConnection;
const constant = (temperature_C: number) => ({ kind: 'constant', temperature_C });

async function room() {
  const clock = new VirtualClock();
  const twin = await createTwin({ units: 4, threads: 1, firmwareVersion: '0', ambient_C: 30, clock });
  const methods = ambientMethods(twin.surroundings);
  const call = (name: string, params: object = {}): unknown => {
    const method = methods[name];
    return method.handle(method.params.parse(params), nobody);
  };
  return { clock, twin, call };
}

describe('ambient.*', () => {
  it('say what the twin stands in, change it at once, and know the way back', async () => {
    const { clock, twin, call } = await room();
    const before = { ambient: constant(30), temperature_C: 30 };
    expect(call('ambient.get')).toEqual(before);
    const uid = twin.uid;
    expect(call('ambient.set', { ambient: constant(60) })).toEqual({
      ambient: constant(60),
      temperature_C: 60,
    });
    expect(call('ambient.get')).toEqual({ ambient: constant(60), temperature_C: 60 });
    const day = { kind: 'daily', mean_C: 20, amplitude_C: 5, warmestAt_s: 0, period_s: 40 };
    call('ambient.set', { ambient: day });
    await clock.pass(20_000);
    expect(call('ambient.get')).toEqual({ ambient: day, temperature_C: 15 });
    expect(call('ambient.set', { ambient: null })).toEqual(before);
    expect(twin.uid).toBe(uid);
    expect(twin.faults.empty).toBe(true);
    await twin.close();
  });

  it.each<[string, object]>([
    ['nothing', {}],
    ['a number', { ambient: 60 }],
    ['surroundings colder than any sensor', { ambient: constant(-56) }],
    ['a temperature that is none', { ambient: constant(NaN) }],
    ['a day without a mean', { ambient: { kind: 'daily', amplitude_C: 1 } }],
    ['another kind', { ambient: { kind: 'oven', temperature_C: 200 } }],
    ['more than it takes', { ambient: null, slowly: true }],
  ])('refuse %s, and nothing is changed', async (_what, params) => {
    const { twin, call } = await room();
    expect(() => call('ambient.set', params)).toThrow();
    expect(call('ambient.get')).toEqual({ ambient: constant(30), temperature_C: 30 });
    await twin.close();
  });
});
