import { afterEach, describe, expect, it } from 'vitest';
import { Thread, ownBuffers } from './index.ts';

const beside = new URL('../../test/support/x.ts', import.meta.url).href;
let thread = new Thread<Float64Array, Float64Array>(beside, './doubling-thread');
afterEach(async () => {
  await thread.close();
  thread = new Thread(beside, './doubling-thread');
});
const run = (...numbers: number[]) => thread.run(() => ({ value: Float64Array.from(numbers) }));

describe('a thread', () => {
  it('does tasks in their order, each with its own answer', async () => {
    const answers = await Promise.all([run(1), run(2, 3), run(4)]);
    expect(answers.map((a) => [...a])).toEqual([[2], [4, 6], [8]]);
  });

  it('goes on after a defect, after a task that could not be made, and after its own end', async () => {
    const bad = run(-1);
    const unmade = thread.run(() => Promise.reject(new Error('given up')));
    const ends = run(13);
    const good = run(5);
    await expect(bad).rejects.toThrow('a negative number');
    await expect(unmade).rejects.toThrow('given up');
    await expect(ends).rejects.toThrow('ended without an answer');
    expect([...(await good)]).toEqual([10]);
  });

  it('that is closed fails what is under way and what waits', async () => {
    await run(1);
    const [first, second] = [run(1), run(2)];
    const failed = Promise.allSettled([first, second]);
    await thread.close();
    const states = (await failed).map(({ status }) => status);
    expect(states[1]).toBe('rejected');
    await expect(run(3)).rejects.toThrow('closed');
  });

  it('is handed large buffers of their own, and copies the rest', async () => {
    const large = new Float64Array(2 ** 17).fill(3);
    const answer = await thread.run(() => ({ value: large, transfer: ownBuffers(large) }));
    expect([large.length, answer.length, answer[5]]).toEqual([0, 2 ** 17, 6]);
    const whole = new Uint8Array(2 ** 21);
    expect(ownBuffers(whole, null, whole.subarray(1), new Uint8Array(10))).toEqual([whole.buffer]);
  });
});
