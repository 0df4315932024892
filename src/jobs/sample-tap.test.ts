import { describe, expect, it } from 'vitest';
import { SampleTap, type SampleSource } from './sample-tap.ts';

const source: SampleSource = {
  job: 'j',
  attempt: 1,
  keyId: 'k',
  device: 'd',
  shape: [4, 1, 2],
  stateScale: 2 ** -10,
};

describe('the samples of a running job', () => {
  it('are wanted only while a watcher wants those of this job', () => {
    const tap = new SampleTap(() => undefined);
    const options = tap.options(source);
    expect(options.wantsSamples?.()).toBe(false);
    const stop = tap.watch({ wants: ({ job }) => job === 'j', onSamples: () => undefined });
    expect(options.wantsSamples?.()).toBe(true);
    expect(tap.options({ ...source, job: 'other' }).wantsSamples?.()).toBe(false);
    stop();
    expect(options.wantsSamples?.()).toBe(false);
  });

  it('come with their place in the job, to those who want them', () => {
    const tap = new SampleTap(() => undefined);
    const seen: [number, number][] = [];
    tap.watch({ wants: () => true, onSamples: (_source, codes, first) => seen.push([codes.length, first]) });
    tap.watch({ wants: () => false, onSamples: () => seen.push([-1, -1]) });
    tap.options(source, 100).onSamples?.(new Int16Array(4), 2);
    expect(seen).toEqual([[4, 102]]);
  });

  it('survive a watcher that throws', () => {
    const errors: unknown[] = [];
    const seen: number[] = [];
    const tap = new SampleTap((error) => errors.push(error));
    tap.watch({
      wants: () => true,
      onSamples: () => {
        throw new Error('no');
      },
    });
    tap.watch({
      wants: () => {
        throw new Error('neither');
      },
      onSamples: () => undefined,
    });
    tap.watch({ wants: () => true, onSamples: (_source, codes) => seen.push(codes.length) });
    const options = tap.options(source);
    options.onSamples?.(new Int16Array(8), 0);
    expect([seen, errors.map(String)]).toEqual([[8], ['Error: neither', 'Error: no']]);
  });
});
