import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ATTEMPTS, REQUEST_LIMIT_MS, RequestIds, requestIdsOf, RequestTable } from './request-table.ts';

const limits = { maxOutstanding: 8, replyCache: 8 };

describe('RequestTable', () => {
  it('never has ids more than 7 apart, nor more outstanding than allowed, whatever is answered when', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ settle: fc.boolean(), pick: fc.nat(7), urgent: fc.boolean() }), {
          maxLength: 200,
        }),
        fc.integer({ min: 1, max: 8 }),
        (steps, maxOutstanding) => {
          const table = new RequestTable<null>(new RequestIds(), { maxOutstanding, replyCache: 8 });
          const open: number[] = [];
          for (const { settle, pick, urgent } of steps) {
            if (settle && open.length > 0) {
              const [id] = open.splice(pick % open.length, 1);
              expect(table.settle(id, 0)).toBeDefined();
            } else if (table.canAdmit(urgent)) open.push(table.admit(null).id);
            expect(open.length).toBeLessThanOrEqual(maxOutstanding);
            if (open.length > 0) expect(Math.max(...open) - Math.min(...open)).toBeLessThanOrEqual(7);
          }
        },
      ),
      { seed: 6, numRuns: 300 },
    );
  });

  it('keeps the last place for an urgent request', () => {
    const table = new RequestTable<string>(new RequestIds(), limits);
    while (table.canAdmit(false)) table.admit('normal');
    expect(table.size).toBe(7);
    expect(table.canAdmit(true)).toBe(true);
    table.admit('stop');
    expect(table.canAdmit(true)).toBe(false);
  });

  it('makes five attempts, doubling, the last of 2 s, then gives up', () => {
    const table = new RequestTable<null>(new RequestIds(), limits);
    const { id } = table.admit(null);
    const times: number[] = [];
    let now_ms = 0;
    for (;;) {
      table.sent(id, now_ms, 50, 0);
      times.push(now_ms);
      now_ms = table.nextDue_ms;
      const { again, givenUp } = table.expire(now_ms);
      if (givenUp.length > 0) break;
      expect(again.map((r) => r.id)).toEqual([id]);
    }
    expect(times).toEqual([0, 50, 150, 350, 750]);
    expect(times).toHaveLength(MAX_ATTEMPTS);
    expect([now_ms, table.size]).toEqual([2750, 0]);
  });

  it('never waits longer than 10 s, even behind a full port', () => {
    const table = new RequestTable<null>(new RequestIds(), limits);
    const { id } = table.admit(null);
    table.sent(id, 0, 2000, 60_000);
    expect(table.nextDue_ms).toBe(REQUEST_LIMIT_MS);
    expect(table.expire(REQUEST_LIMIT_MS).givenUp).toHaveLength(1);
  });

  it('measures round trips of unrepeated requests only, and settles each id once', () => {
    const table = new RequestTable<string>(new RequestIds(), limits);
    const once = table.admit('once');
    const twice = table.admit('twice');
    table.sent(once.id, 10, 50, 0);
    table.sent(twice.id, 10, 50, 0);
    expect(table.expire(60).again.map((r) => r.context)).toEqual(['once', 'twice']);
    table.sent(twice.id, 60, 50, 0);
    expect(table.settle(once.id, 65)).toEqual({ context: 'once', rtt_ms: 55 });
    expect(table.settle(twice.id, 65)).toEqual({ context: 'twice', rtt_ms: null });
    expect(table.settle(twice.id, 65)).toBeUndefined();
  });

  it('counts the ids of a client on when it connects again, and skips 0 at the wrap', () => {
    const first = requestIdsOf(0x1234);
    expect([first.take(), first.take()]).toEqual([1, 2]);
    expect(requestIdsOf(0x1234).take()).toBe(3);
    expect(requestIdsOf(0x9999).take()).toBe(1);
  });
});
