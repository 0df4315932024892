import { describe, expect, it } from 'vitest';
import { emptyModel, quantise } from '../physics/index.ts';
import { CAPABILITIES } from '../../test/fakes/relax-device.ts';
import { checkOnline, checkSchedule, normalise } from './admission.ts';
import { JobError } from './errors.ts';
import type { RelaxJobRequest } from './request.ts';

const MODEL = `sha256:${'0'.repeat(64)}`;

function request(change: Partial<RelaxJobRequest> = {}): RelaxJobRequest {
  return {
    mode: 'relax',
    model: MODEL,
    device: { id: 'd' },
    relax: { duration_s: 2.5e-6 },
    samples: { count: 10 },
    ...change,
  };
}

/** The pointers that a refusal names. */
function refused(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    if (!(error instanceof JobError)) throw error;
    expect(error.code).toBe('validation-failed');
    expect(error.remedy).not.toBe('');
    return error.errors.map((e) => e.pointer);
  }
  return [];
}

describe('a request without a device', () => {
  it('gets the defaults of the house', () => {
    expect(normalise(request())).toEqual({
      mode: 'relax',
      model: MODEL,
      device: { id: 'd', backend: null },
      relax: {
        duration_s: 2.5e-6,
        readAt_s: [2.5e-6],
        initial: { kind: 'thermal', prepare_s: 2.5e-6 },
      },
      noiseTemperature: 1,
      samples: { count: 10 },
      seed: null,
      step_s: null,
      record: { heat: true },
      labels: {},
      priority: 'normal',
      retry: 'auto',
      deadline: null,
      onUnmet: 'reject',
    });
  });

  it.each<[number | string, string | null]>([
    [0, '0'],
    [2 ** 53 - 1, '9007199254740991'],
    ['18446744073709551615', '18446744073709551615'],
    ['007', '7'],
    [2 ** 53, null],
    [-1, null],
    [1.5, null],
    ['18446744073709551616', null],
    ['0x10', null],
    ['', null],
  ])('takes a seed that is an unsigned 64-bit integer without doubt: %s', (seed, text) => {
    if (text === null) expect(refused(() => normalise(request({ seed })))).toEqual(['/seed']);
    else expect(normalise(request({ seed })).seed).toBe(text);
  });

  it.each([0, 0.5, -1, 10.5, 1e308, NaN, Infinity])('takes no target of %f for 10 samples', (targetEss) => {
    expect(refused(() => normalise(request({ samples: { count: 10, targetEss } })))).toEqual([
      '/samples/targetEss',
    ]);
  });

  it('keeps a target only where there is one', () => {
    expect(normalise(request({ samples: { count: 10, targetEss: 10 } })).samples).toEqual({
      count: 10,
      targetEss: 10,
    });
    expect(Object.keys(normalise(request({ samples: { count: 10, targetEss: null } })).samples)).toEqual([
      'count',
    ]);
  });

  it('names every field that is wrong at once', () => {
    const wrong = request({
      relax: { duration_s: 1, readAt_s: [0.5, 0.25, 2, NaN], initial: { kind: 'thermal', prepare_s: -1 } },
      noiseTemperature: 0,
      samples: { count: 0 },
      step_s: Infinity,
      priority: 'toString' as 'normal',
    });
    expect(refused(() => normalise(wrong)).sort()).toEqual([
      '/noiseTemperature',
      '/priority',
      '/relax/initial/prepare_s',
      '/relax/readAt_s/1',
      '/relax/readAt_s/2',
      '/relax/readAt_s/3',
      '/samples/count',
      '/step_s',
    ]);
    expect(refused(() => normalise(request({ relax: { duration_s: 1, readAt_s: [] } })))).toEqual([
      '/relax/readAt_s',
    ]);
  });
});

describe('a request held against a device', () => {
  const program = quantise(emptyModel(4), CAPABILITIES.ranges);
  const check = (change: Partial<RelaxJobRequest>, capabilities = CAPABILITIES): string[] =>
    refused(() => checkSchedule(normalise(request(change)), program, capabilities));

  it('passes when the device can do it', () => {
    expect(check({ seed: 7, step_s: 1e-8, noiseTemperature: 1.2 })).toEqual([]);
  });

  it.each<[string, Partial<RelaxJobRequest>, string]>([
    ['a time between steps', { relax: { duration_s: 2.5004e-6 } }, '/relax/duration_s'],
    ['a read between steps', { relax: { duration_s: 2.5e-6, readAt_s: [1.0004e-6] } }, '/relax/readAt_s/0'],
    [
      'a preparation between steps',
      { relax: { duration_s: 2.5e-6, initial: { kind: 'thermal', prepare_s: 1.0004e-6 } } },
      '/relax/initial/prepare_s',
    ],
    ['too many samples', { samples: { count: 10_001 } }, '/samples/count'],
    ['a step that is too long', { step_s: 2e-8 }, '/step_s'],
    ['noise that no code reaches', { noiseTemperature: 2 }, '/noiseTemperature'],
    ['a phase that is too long', { relax: { duration_s: 2 } }, '/relax/duration_s'],
  ])('refuses %s', (_name, change, pointer) => {
    expect(check(change)).toEqual([pointer]);
  });

  it('refuses a record that is too large, a seed on a chip, a model that is too large', () => {
    const spaced = Array.from({ length: 200 }, (_, k) => (k + 1) * 1e-8);
    expect(check({ relax: { duration_s: 2.5e-6, readAt_s: spaced } })).toEqual(['/relax/readAt_s']);
    expect(check({ seed: 1 }, { ...CAPABILITIES, seed: false })).toEqual(['/seed']);
    expect(check({}, { ...CAPABILITIES, unitsMax: 3 })).toEqual(['/model']);
  });

  it('refuses a device that is away with its reason, not one that is at work', () => {
    const reason = { code: 'link-lost', message: 'the cable is out', remedy: 'plug it in' };
    const away = { id: 'd', state: 'offline', backend: 'twin', reason } as const;
    expect(() => checkOnline(away)).toThrow(/the cable is out/);
    checkOnline({ ...away, state: 'running', reason: null });
  });
});
