import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  newLiveness,
  nextLivenessTick_ms,
  stepLiveness,
  type Liveness,
  type LivenessAction,
} from './liveness.ts';

/** Drives the machine by its own wish for ticks until it is lost or `until_ms` is reached. */
function drive(
  start: Liveness,
  until_ms: number,
  port: { written: number; queued: number },
  frames_ms: number[] = [],
): { at_ms: number; action: LivenessAction }[] {
  const log: { at_ms: number; action: LivenessAction }[] = [];
  const frames = [...frames_ms];
  let liveness = start;
  for (;;) {
    const tick_ms = nextLivenessTick_ms(liveness, port.queued);
    if (tick_ms === null || tick_ms > until_ms) return log;
    const isFrame = frames.length > 0 && frames[0] <= tick_ms;
    const at_ms = isFrame ? (frames.shift() ?? 0) : tick_ms;
    const input = isFrame
      ? ({ kind: 'frame' } as const)
      : ({ kind: 'tick', written_bytes: port.written, queued_bytes: port.queued } as const);
    const step = stepLiveness(liveness, input, at_ms);
    liveness = step.next;
    for (const action of step.actions) log.push({ at_ms, action });
  }
}

const idle = { written: 100, queued: 0 };

describe('liveness', () => {
  it('pings a silent device three times and gives it up 4.5 s after its last frame', () => {
    const log = drive(newLiveness(0), 60_000, idle);
    const suspect = log.filter(({ action }) => action.kind === 'ping' && action.suspect);
    expect(suspect.map(({ at_ms }) => at_ms)).toEqual([3000, 3500, 4000]);
    expect(log.at(-1)).toEqual({ at_ms: 4500, action: { kind: 'lost', reason: 'pings-unanswered' } });
  });

  it('is ready again after one valid frame at any moment of suspicion', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3000, max: 4499 }), (answer_ms) => {
        const log = drive(newLiveness(0), answer_ms + 2999, idle, [answer_ms]);
        expect(log.every(({ action }) => action.kind === 'ping')).toBe(true);
        const later = drive(newLiveness(0), 60_000, idle, [answer_ms]);
        expect(later.at(-1)?.at_ms).toBe(answer_ms + 4500);
      }),
      { seed: 5, numRuns: 50 },
    );
  });

  it('never loses a device that beats every second, and pings it every second when idle', () => {
    const beats = Array.from({ length: 60 }, (_, i) => (i + 1) * 1000 - 1);
    const log = drive(newLiveness(0), 60_000, idle, beats);
    expect(log.map(({ action }) => action)).toEqual(new Array(60).fill({ kind: 'ping', suspect: false }));
  });

  it('gives up a port that hands nothing on for 5 s, even while frames arrive', () => {
    const beats = Array.from({ length: 30 }, (_, i) => (i + 1) * 500);
    const log = drive(newLiveness(0), 20_000, { written: 100, queued: 100 }, beats);
    expect(log.at(-1)).toEqual({ at_ms: 5000, action: { kind: 'lost', reason: 'write-stalled' } });
  });

  it('takes slow progress of the port for progress', () => {
    let liveness = newLiveness(0);
    for (let at_ms = 1000; at_ms <= 20_000; at_ms += 1000) {
      liveness = stepLiveness(liveness, { kind: 'frame' }, at_ms).next;
      const input = { kind: 'tick', written_bytes: 1000, queued_bytes: 1000 - at_ms / 1000 } as const;
      const step = stepLiveness(liveness, input, at_ms);
      expect(step.actions.some((a) => a.kind === 'lost')).toBe(false);
      liveness = step.next;
    }
  });

  it('stays lost', () => {
    const lost = stepLiveness(
      { ...newLiveness(0), state: { kind: 'lost', reason: 'pings-unanswered' } },
      { kind: 'frame' },
      1,
    );
    expect([lost.next.state.kind, lost.actions]).toEqual(['lost', []]);
  });
});
