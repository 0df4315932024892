// Is the other end still there? A pure machine (link-protocol sections 10 and 11): valid frames, what was sent and the
// state of the port go in with the time; pings and the verdict LOST come out.
//
//   READY --3 s without a valid frame--> SUSPECT --3 pings, 500 ms apart, unanswered--> LOST
//   any valid frame: SUSPECT -> READY          write stalled over 5 s: LOST

export const SUSPECT_AFTER_MS = 3000;
export const SUSPECT_PINGS = 3;
export const PING_INTERVAL_MS = 500;
export const WRITE_STALL_MS = 5000;
/** An idle host pings, which feeds the watchdog of the device. */
export const IDLE_PING_MS = 1000;

export type LostReason = 'pings-unanswered' | 'write-stalled';

export type LivenessState =
  | { kind: 'ready' }
  | { kind: 'suspect'; pingsSent: number; nextPing_ms: number }
  | { kind: 'lost'; reason: LostReason };

/** What the machine remembers; times are of a monotonic clock. */
export interface Liveness {
  readonly state: LivenessState;
  readonly lastFrame_ms: number;
  readonly lastSent_ms: number;
  /** Bytes that the port has handed on in all, and when that number last grew or nothing waited. */
  readonly handedOn_bytes: number;
  readonly lastProgress_ms: number;
}

export type LivenessInput =
  | { kind: 'frame' }
  | { kind: 'sent' }
  /** `written`: all bytes given to the port so far; `queued`: those it still holds. */
  | { kind: 'tick'; written_bytes: number; queued_bytes: number };

export type LivenessAction = { kind: 'ping'; suspect: boolean } | { kind: 'lost'; reason: LostReason };

export function newLiveness(now_ms: number): Liveness {
  return {
    state: { kind: 'ready' },
    lastFrame_ms: now_ms,
    lastSent_ms: now_ms,
    handedOn_bytes: 0,
    lastProgress_ms: now_ms,
  };
}

/** One step of the machine; after `lost` it stays lost and says nothing more. */
export function stepLiveness(
  before: Liveness,
  input: LivenessInput,
  now_ms: number,
): { next: Liveness; actions: LivenessAction[] } {
  if (before.state.kind === 'lost') return { next: before, actions: [] };
  switch (input.kind) {
    case 'frame':
      return { next: { ...before, state: { kind: 'ready' }, lastFrame_ms: now_ms }, actions: [] };
    case 'sent':
      return { next: { ...before, lastSent_ms: now_ms }, actions: [] };
    case 'tick':
      return tick(before, input.written_bytes, input.queued_bytes, now_ms);
  }
}

function tick(
  before: Liveness,
  written_bytes: number,
  queued_bytes: number,
  now_ms: number,
): { next: Liveness; actions: LivenessAction[] } {
  const handedOn_bytes = written_bytes - queued_bytes;
  const progressed = queued_bytes === 0 || handedOn_bytes > before.handedOn_bytes;
  const next = { ...before, handedOn_bytes, lastProgress_ms: progressed ? now_ms : before.lastProgress_ms };
  if (now_ms - next.lastProgress_ms >= WRITE_STALL_MS) return lose(next, 'write-stalled');
  const state = before.state;
  if (state.kind === 'suspect') {
    if (now_ms < state.nextPing_ms) return { next, actions: [] };
    if (state.pingsSent >= SUSPECT_PINGS) return lose(next, 'pings-unanswered');
    return suspectPing(next, state.pingsSent, now_ms);
  }
  if (now_ms - before.lastFrame_ms >= SUSPECT_AFTER_MS) return suspectPing(next, 0, now_ms);
  if (now_ms - before.lastSent_ms >= IDLE_PING_MS) {
    return { next: { ...next, lastSent_ms: now_ms }, actions: [{ kind: 'ping', suspect: false }] };
  }
  return { next, actions: [] };
}

function suspectPing(
  liveness: Liveness,
  pingsSent: number,
  now_ms: number,
): { next: Liveness; actions: LivenessAction[] } {
  const state = {
    kind: 'suspect',
    pingsSent: pingsSent + 1,
    nextPing_ms: now_ms + PING_INTERVAL_MS,
  } as const;
  return { next: { ...liveness, state, lastSent_ms: now_ms }, actions: [{ kind: 'ping', suspect: true }] };
}

function lose(liveness: Liveness, reason: LostReason): { next: Liveness; actions: LivenessAction[] } {
  return { next: { ...liveness, state: { kind: 'lost', reason } }, actions: [{ kind: 'lost', reason }] };
}

/** When the machine wants its next tick, or null once it is lost. Ticks that come earlier do no harm. */
export function nextLivenessTick_ms(liveness: Liveness, queued_bytes: number): number | null {
  if (liveness.state.kind === 'lost') return null;
  const due =
    liveness.state.kind === 'suspect'
      ? liveness.state.nextPing_ms
      : Math.min(liveness.lastFrame_ms + SUSPECT_AFTER_MS, liveness.lastSent_ms + IDLE_PING_MS);
  return queued_bytes > 0 ? Math.min(due, liveness.lastProgress_ms + WRITE_STALL_MS) : due;
}
