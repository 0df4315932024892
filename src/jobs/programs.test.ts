import { afterAll, describe, expect, it } from 'vitest';
import {
  emptyModel,
  encodeProgramImage,
  measureRounding,
  quantise,
  type Model,
  type ProgramRanges,
} from '../physics/index.ts';
import { digestOf, encodeModelContent, type Digest } from '../store/index.ts';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { Programs } from './programs.ts';

const ranges: ProgramRanges = { coupling: { fullScaleMin_E0: 0, fullScaleMax_E0: 1 }, stateScale: 2 ** -10 };
const kept = new Map<string, Uint8Array>();
const get = async (digest: string): Promise<Uint8Array> => new Uint8Array(kept.get(digest) ?? []);
const programs = new Programs({ blobs: { get } as never });
afterAll(() => programs.close());

function modelOf(units: number, largest_E0: number): Model {
  const random = seededUniform(7);
  const model = emptyModel(units);
  for (let i = 0; i < units; i++)
    for (let j = i + 1; j < units; j++)
      model.couplings[i * units + j] = model.couplings[j * units + i] = (random() - 0.5) * 2 * largest_E0;
  return model;
}

function stored(
  model: Model,
  content = encodeModelContent(model),
): { digest: Digest; blob: Digest; bytes: number } {
  const digest = digestOf(encodeModelContent(model));
  kept.set(digest, content);
  return { digest, blob: digest, bytes: content.length };
}

// 20 units are rounded at once, 300 in the thread.
describe.each([20, 300])('a program of %i units', (units) => {
  it('is the rounded model, made once', async () => {
    const model = modelOf(units, 0.5);
    const row = stored(model);
    const ready = await programs.of(row, ranges);
    const program = quantise(model, ranges);
    expect(ready.program).toEqual(program);
    const bytes = encodeProgramImage(program);
    expect(ready.image).toEqual({ bytes, id: digestOf(bytes).slice('sha256:'.length) });
    kept.delete(row.blob);
    expect(await programs.of(row, ranges)).toBe(ready);
  });

  it('that does not fit is refused with its place', async () => {
    const model = modelOf(units, 5);
    const expected = (() => {
      try {
        return quantise(model, ranges);
      } catch (error) {
        return error as Error & { pointer: string };
      }
    })();
    await expect(programs.of(stored(model), ranges)).rejects.toMatchObject({
      name: 'PhysicsError',
      code: 'coupling-out-of-range',
      message: (expected as Error).message,
      pointer: (expected as { pointer: string }).pointer,
      remedy: expect.any(String) as string,
    });
  });

  it('is not made of damaged bytes, and made when they are back', async () => {
    const model = modelOf(units, 0.25);
    const damaged = encodeModelContent(model);
    damaged[100] ^= 1;
    const row = stored(model, damaged);
    await expect(programs.of(row, ranges)).rejects.toMatchObject({ code: 'corrupt-blob' });
    stored(model);
    expect((await programs.of(row, ranges)).program).toEqual(quantise(model, ranges));
  });

  it('is measured', async () => {
    const model = modelOf(units, 0.125);
    const { flaws, blocks } = await programs.measure(stored(model), ranges);
    expect(flaws).toEqual([]);
    expect(blocks).toEqual(measureRounding(model, ranges).blocks);
  });

  it('that does not fit is measured too, with its flaws as they are', async () => {
    const model = modelOf(units, 3);
    const expected = measureRounding(model, ranges);
    const { flaws, blocks } = await programs.measure(stored(model), ranges);
    expect(flaws.map(({ name, message, pointer }) => [name, message, pointer])).toEqual(
      expected.flaws.map(({ message, pointer }) => ['PhysicsError', message, pointer]),
    );
    expect(blocks).toEqual(expected.blocks);
  });

  it('is not measured of damaged bytes', async () => {
    const model = modelOf(units, 0.0625);
    const damaged = encodeModelContent(model);
    damaged[99] ^= 1;
    await expect(programs.measure(stored(model, damaged), ranges)).rejects.toMatchObject({
      code: 'corrupt-blob',
    });
  });
});
