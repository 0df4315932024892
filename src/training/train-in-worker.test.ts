// The worker gives what the plain call gives, carries refusals across, and ends when told to.
import { describe, expect, it } from 'vitest';
import { PhysicsError } from '../physics/index.ts';
import { trainInWorker } from './train-in-worker.ts';
import { trainModel } from './train.ts';

describe('trainInWorker', () => {
  it('gives the bits of trainModel and reports progress', async () => {
    let last = 0;
    const result = await trainInWorker({ data: 'glyphs' }, ({ share }) => (last = share));
    expect(result.model).toEqual(trainModel({ data: 'glyphs' }).model);
    expect(last).toBe(1);
  });

  it('passes a refusal on with its code', async () => {
    const error: unknown = await trainInWorker({ data: 'glyphs', tolerance: 0 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(PhysicsError);
    expect(error).toMatchObject({ code: 'bad-argument', pointer: '/tolerance' });
  });

  it('ends with the reason of the signal', async () => {
    const abort = new AbortController();
    const running = trainInWorker({}, () => abort.abort(new Error('enough')), abort.signal);
    await expect(running).rejects.toThrow('enough');
  });
});
