// Each request id is executed once, whatever the line does to the order and number of its frames.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Detail } from '../../../src/link/messages/index.ts';
import { beginLoad, bootBoard, buildImage, LIMITS, TestHost } from '../board.test-support.ts';

const image = buildImage();
const REQUESTS = 30;

/** A BeginLoad that is executed always begins a transfer of a new number, for each names an image of its own. */
function order(requestId: number) {
  const programId = new Uint8Array(32).fill(requestId);
  return { type: 'beginLoad', value: beginLoad(image, { programId }) } as const;
}

describe('a request', () => {
  it('is executed once under every order and number of deliveries within the window of the host', () => {
    // How far ahead of the oldest unanswered request the next frame is; below 0: a late copy of an old one.
    const steps = fc.array(fc.integer({ min: -12, max: LIMITS.replyCache - 1 }), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (offsets) => {
        const host = new TestHost(bootBoard().controller);
        host.hello();
        const transfers = new Map<number, number>();
        let oldest = 1;
        const deliver = (requestId: number): void => {
          if (requestId < 1 || requestId > REQUESTS) return;
          host.frames.length = 0;
          const reply = host.request(order(requestId), requestId);
          if (reply?.body?.type !== 'loadAccepted') {
            // Its slot was given away: not executed again, and said so.
            expect(reply?.status?.detail).toBe(Detail.OUT_OF_WINDOW);
            expect(transfers.has(requestId)).toBe(true);
            return;
          }
          const { transfer } = reply.body.value;
          expect(transfers.get(requestId) ?? transfer).toBe(transfer);
          transfers.set(requestId, transfer);
          while (transfers.has(oldest)) oldest += 1;
        };
        for (const offset of offsets) deliver(oldest + offset);
        while (oldest <= REQUESTS) deliver(oldest); // what was lost is repeated in the end
        expect(transfers.size).toBe(REQUESTS);
        expect([...transfers.values()].sort((a, b) => a - b)).toEqual(
          Array.from({ length: REQUESTS }, (_, k) => k + 1),
        );
      }),
      { seed: 3, numRuns: 150 },
    );
  });
});
