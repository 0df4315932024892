// The life of a connection as a pure state machine: (state, input) -> state and actions. The shell in device.ts opens
// ports and starts timers; this file decides when and why.
import type { DeviceReason } from './errors.ts';

/** Back-off while a device is away (link-protocol section 10). */
export const BACKOFF_FIRST_MS = 250;
export const BACKOFF_MAX_MS = 10_000;
export const BACKOFF_JITTER_RATIO = 0.2;
/** A refused device is asked again at leisure: somebody has to correct something first. */
export const REFUSED_RETRY_MS = 10_000;

export interface Failure extends DeviceReason {
  /** The device is there but must not be used; false: it is away. */
  refused: boolean;
}

interface Waiting {
  reason: DeviceReason;
  /** Failed attempts since the last success. */
  attempts: number;
  /** A thermoloop device has answered here before. */
  known: boolean;
}

export type ConnectionState =
  | ({ name: 'offline' } & Waiting)
  | ({ name: 'refused' } & Waiting)
  /** Keeps the reason of the last failure for readers, until the attempt succeeds. */
  | ({ name: 'connecting' } & Waiting)
  | { name: 'ready' }
  | { name: 'running' }
  | { name: 'closed'; reason: DeviceReason };

/** `jitter` is uniform in [0, 1). */
export type ConnectionInput =
  | { type: 'start' }
  | { type: 'connected' }
  | { type: 'failed'; failure: Failure; jitter: number }
  | { type: 'lost'; failure: Failure; jitter: number }
  | { type: 'retry-due' }
  | { type: 'operation-started' }
  | { type: 'operation-ended' }
  /** Somebody wants it away; `start` ends that. */
  | { type: 'disconnect'; reason: DeviceReason }
  | { type: 'close' };

export type ConnectionAction =
  /** Open a port and shake hands; answer with `connected` or `failed`. */
  | { type: 'connect' }
  /** Answer with `retry-due` after that time, or as soon as the device's path returns. */
  | { type: 'wait'; delay_ms: number }
  /** Give up port, timer and attempt. */
  | { type: 'release' };

export interface Transition {
  state: ConnectionState;
  actions: ConnectionAction[];
}

export const notStarted: ConnectionState = {
  name: 'offline',
  reason: { code: 'not-started', message: 'not started yet', remedy: 'Start the device.' },
  attempts: 0,
  known: false,
};

/** One step; an input that means nothing in a state leaves it as it is. */
export function transition(state: ConnectionState, input: ConnectionInput): Transition {
  if (input.type === 'close') return close(state);
  if (input.type === 'disconnect') return disconnect(state, input.reason);
  switch (state.name) {
    case 'offline':
    case 'refused':
      if (input.type === 'start' || input.type === 'retry-due')
        return { state: { ...state, name: 'connecting' }, actions: [{ type: 'connect' }] };
      return stay(state);
    case 'connecting':
      if (input.type === 'connected') return { state: { name: 'ready' }, actions: [] };
      if (input.type === 'failed')
        return away(input.failure, input.jitter, { attempts: state.attempts, known: state.known });
      return stay(state);
    case 'ready':
      if (input.type === 'operation-started') return { state: { name: 'running' }, actions: [] };
      if (input.type === 'lost') return away(input.failure, input.jitter, { attempts: 0, known: true });
      return stay(state);
    case 'running':
      if (input.type === 'operation-ended') return { state: { name: 'ready' }, actions: [] };
      if (input.type === 'lost') return away(input.failure, input.jitter, { attempts: 0, known: true });
      return stay(state);
    case 'closed':
      return stay(state);
  }
}

/** Milliseconds before attempt `attempts` (0 is the first repeat). */
export function backoff_ms(attempts: number, jitter: number): number {
  const base = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempts, 30));
  return base * (1 + BACKOFF_JITTER_RATIO * (2 * jitter - 1));
}

function away(failure: Failure, jitter: number, past: { attempts: number; known: boolean }): Transition {
  const { code, message, remedy } = failure;
  // Silence where a device was before is a device that is away (a twin being restarted behind its pty), not a wrong port.
  const refused = failure.refused && !(code === 'not-a-device' && past.known);
  const state: ConnectionState = {
    name: refused ? 'refused' : 'offline',
    reason: { code, message, remedy },
    attempts: past.attempts + 1,
    known: past.known,
  };
  const delay_ms = refused ? REFUSED_RETRY_MS : backoff_ms(past.attempts, jitter);
  return { state, actions: [{ type: 'wait', delay_ms }] };
}

function close(state: ConnectionState): Transition {
  if (state.name === 'closed') return stay(state);
  const reason = { code: 'closed', message: 'closed by the service', remedy: 'Start the service again.' };
  return { state: { name: 'closed', reason }, actions: [{ type: 'release' }] };
}

function disconnect(state: ConnectionState, reason: DeviceReason): Transition {
  if (state.name === 'closed') return stay(state);
  const known = 'known' in state ? state.known : true;
  return { state: { name: 'offline', reason, attempts: 0, known }, actions: [{ type: 'release' }] };
}

function stay(state: ConnectionState): Transition {
  return { state, actions: [] };
}
