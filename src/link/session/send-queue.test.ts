import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Priority, SendQueue } from './send-queue.ts';

type Lane = 0 | 1 | 2;

describe('SendQueue', () => {
  it('sends by priority and within a priority in order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 40 }), (lanes) => {
        const queue = new SendQueue<{ wireBytes: number; lane: number; order: number }>(1e9);
        lanes.forEach((lane, order) => queue.push(lane as Lane, { wireBytes: 10, lane, order }));
        const sent = [];
        for (let entry = queue.take(0); entry !== undefined; entry = queue.take(0)) sent.push(entry);
        const expected = lanes
          .map((lane, order) => ({ wireBytes: 10, lane, order }))
          .sort((a, b) => a.lane - b.lane || a.order - b.order);
        expect(sent).toEqual(expected);
        expect(queue.isEmpty).toBe(true);
      }),
      { seed: 4, numRuns: 200 },
    );
  });

  it('never fills the port above its limit, except with urgent frames or one frame alone', () => {
    const queue = new SendQueue<{ wireBytes: number; name: string }>(100);
    queue.push(Priority.request, { wireBytes: 60, name: 'a' });
    queue.push(Priority.request, { wireBytes: 60, name: 'b' });
    queue.push(Priority.request, { wireBytes: 500, name: 'c' });
    expect(queue.take(0)?.name).toBe('a');
    expect(queue.take(60)).toBeUndefined();
    queue.push(Priority.urgent, { wireBytes: 60, name: 'stop' });
    expect(queue.take(60)?.name).toBe('stop');
    expect(queue.take(40)?.name).toBe('b');
    expect(queue.take(1)).toBeUndefined();
    expect(queue.take(0)?.name).toBe('c');
  });

  it('lets nothing overtake a reply that waits for room', () => {
    const queue = new SendQueue<{ wireBytes: number }>(100);
    queue.push(Priority.reply, { wireBytes: 90 });
    queue.push(Priority.request, { wireBytes: 5 });
    expect(queue.take(50)).toBeUndefined();
  });

  it('counts what waits ahead and takes entries back', () => {
    const queue = new SendQueue<{ wireBytes: number }>(100);
    const request = { wireBytes: 7 };
    queue.push(Priority.reply, { wireBytes: 5 });
    queue.push(Priority.request, request);
    expect([queue.bytesAhead(Priority.reply), queue.bytesAhead(Priority.bulk)]).toEqual([5, 12]);
    expect([queue.remove(request), queue.remove(request)]).toEqual([true, false]);
  });
});
