// The life of a connection: back-off, refusals, and inputs that come at the wrong time.
import { describe, expect, it } from 'vitest';
import {
  backoff_ms,
  notStarted,
  transition,
  type ConnectionInput,
  type ConnectionState,
  type Failure,
} from './connection.ts';

const failure = (code: string, refused: boolean): Failure => ({ code, message: code, remedy: 'r', refused });
const failed = (code: string, refused = false): ConnectionInput => ({
  type: 'failed',
  failure: failure(code, refused),
  jitter: 0.5,
});
const lost: ConnectionInput = { type: 'lost', failure: failure('link-lost', false), jitter: 0.5 };

/** States and waits that a list of inputs leads through. */
function play(...inputs: ConnectionInput[]): { state: ConnectionState; waits: number[] } {
  let state = notStarted;
  const waits: number[] = [];
  for (const input of inputs) {
    const next = transition(state, input);
    state = next.state;
    for (const action of next.actions) if (action.type === 'wait') waits.push(action.delay_ms);
  }
  return { state, waits };
}

describe('the connection', () => {
  it('connects on start and says why it is not ready until then', () => {
    expect(notStarted).toMatchObject({ name: 'offline', reason: { code: 'not-started' } });
    const { state, actions } = transition(notStarted, { type: 'start' });
    expect(state.name).toBe('connecting');
    expect(actions).toEqual([{ type: 'connect' }]);
    expect(transition(state, { type: 'connected' }).state).toEqual({ name: 'ready' });
  });

  it('doubles the back-off from 0.25 s to 10 s, within 20 % of jitter', () => {
    const rounds = Array.from({ length: 8 }, (): ConnectionInput[] => [
      failed('port-failed'),
      { type: 'retry-due' },
    ]);
    const { waits } = play({ type: 'start' }, ...rounds.flat());
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    expect(backoff_ms(0, 0)).toBeCloseTo(200);
    expect(backoff_ms(0, 1)).toBeCloseTo(300);
    expect(backoff_ms(1000, 0)).toBeCloseTo(8000);
  });

  it('starts the back-off anew after a success', () => {
    const { waits, state } = play(
      { type: 'start' },
      failed('port-failed'),
      { type: 'retry-due' },
      failed('port-failed'),
      { type: 'retry-due' },
      { type: 'connected' },
      lost,
    );
    expect(waits).toEqual([250, 500, 250]);
    expect(state).toMatchObject({ name: 'offline', reason: { code: 'link-lost' } });
  });

  it('asks a refused device again at leisure, and keeps the reason while it does', () => {
    const { state, waits } = play({ type: 'start' }, failed('wrong-backend', true));
    expect(state).toMatchObject({ name: 'refused', reason: { code: 'wrong-backend' } });
    expect(waits).toEqual([10_000]);
    const again = transition(state, { type: 'retry-due' });
    expect(again.state).toMatchObject({ name: 'connecting', reason: { code: 'wrong-backend' } });
    expect(transition(again.state, { type: 'connected' }).state.name).toBe('ready');
  });

  it('takes silence for absence where a device has answered before, and for a wrong port where none has', () => {
    const never = play({ type: 'start' }, failed('not-a-device', true));
    expect(never.state.name).toBe('refused');
    const before = play(
      { type: 'start' },
      { type: 'connected' },
      lost,
      { type: 'retry-due' },
      failed('not-a-device', true),
    );
    expect(before.state).toMatchObject({ name: 'offline', reason: { code: 'not-a-device' } });
    expect(before.waits).toEqual([250, 500]);
    // A wrong backend stays a refusal, whoever was there before.
    const swapped = play(
      { type: 'start' },
      { type: 'connected' },
      lost,
      { type: 'retry-due' },
      failed('wrong-backend', true),
    );
    expect(swapped.state.name).toBe('refused');
  });

  it('runs only when ready, and a loss ends a run', () => {
    const running = play({ type: 'start' }, { type: 'connected' }, { type: 'operation-started' });
    expect(running.state.name).toBe('running');
    expect(transition(running.state, { type: 'operation-ended' }).state.name).toBe('ready');
    expect(transition(running.state, lost).state.name).toBe('offline');
    expect(play({ type: 'start' }, { type: 'operation-started' }).state.name).toBe('connecting');
  });

  it('leaves inputs of the past alone', () => {
    const ready = play({ type: 'start' }, { type: 'connected' }).state;
    for (const input of [{ type: 'retry-due' }, failed('port-failed'), { type: 'start' }] as const)
      expect(transition(ready, input)).toEqual({ state: ready, actions: [] });
    const closed = transition(ready, { type: 'close' });
    expect(closed.actions).toEqual([{ type: 'release' }]);
    for (const input of [{ type: 'retry-due' }, { type: 'connected' }, lost, { type: 'close' }] as const)
      expect(transition(closed.state, input)).toEqual({ state: closed.state, actions: [] });
  });
});
