// The life of a run (link-protocol section 10) as a pure function:
// IDLE -> SAMPLING <-> PAUSED -> FINISHING -> DONE -> (AckRun) -> IDLE, or STOPPED, or FAILED.
import type { Status } from '../../../src/link/messages/index.ts';

export type PauseReason = 'ring-full' | 'host-silent' | 'too-warm';

export type RunMachine =
  | { phase: 'idle' }
  | { phase: 'sampling'; run: number }
  /** Ring full: waiting for credit. Too warm: idling so that the next batch ends below the derate limit. Host silent:
   * the analog core is in safe hold until somebody speaks. */
  | { phase: 'paused'; run: number; why: PauseReason }
  /** All samples are taken, the last ones are on their way. */
  | { phase: 'finishing'; run: number }
  | { phase: 'done'; run: number }
  | { phase: 'stopped' | 'failed'; run: number; status: Status };

export type RunInput =
  | { type: 'start'; run: number }
  | { type: 'ring-full' }
  | { type: 'ring-free' }
  | { type: 'too-warm' }
  | { type: 'cooled' }
  | { type: 'host-silent' }
  | { type: 'host-heard' }
  | { type: 'all-sampled' }
  | { type: 'all-sent' }
  | { type: 'stop'; status: Status }
  | { type: 'fail'; status: Status }
  | { type: 'acknowledge'; run: number };

/** compute: take samples. abort: give the batch up. announce: tell the host. free: the ring is not needed any more. */
export type RunAction = 'compute' | 'abort' | 'announce' | 'free';
export interface RunStep {
  state: RunMachine;
  actions: readonly RunAction[];
}

const to = (state: RunMachine, ...actions: RunAction[]): RunStep => ({ state, actions });

/** Sampling, paused or finishing: banks must not be swapped, no other run can start. */
export function isLive(
  state: RunMachine,
): state is Extract<RunMachine, { phase: 'sampling' | 'paused' | 'finishing' }> {
  return state.phase === 'sampling' || state.phase === 'paused' || state.phase === 'finishing';
}

/** Ended and not acknowledged: repeated in every heartbeat and in GetStatus. */
export function isEnded(
  state: RunMachine,
): state is Extract<RunMachine, { phase: 'done' | 'stopped' | 'failed' }> {
  return state.phase === 'done' || state.phase === 'stopped' || state.phase === 'failed';
}

/** One step; an input that means nothing in a state changes nothing. */
export function stepRun(state: RunMachine, input: RunInput): RunStep {
  switch (input.type) {
    case 'start':
      return isLive(state) ? to(state) : to({ phase: 'sampling', run: input.run }, 'compute');
    case 'ring-full':
    case 'too-warm':
      return state.phase === 'sampling'
        ? to({ phase: 'paused', run: state.run, why: input.type })
        : to(state);
    case 'ring-free':
      return resume(state, 'ring-full');
    case 'cooled':
      return resume(state, 'too-warm');
    case 'host-silent':
      if (state.phase !== 'sampling' && state.phase !== 'paused') return to(state);
      if (state.phase === 'paused' && state.why === 'host-silent') return to(state);
      return to({ phase: 'paused', run: state.run, why: 'host-silent' }, 'abort', 'announce');
    case 'host-heard':
      return resume(state, 'host-silent');
    case 'all-sampled':
      if (state.phase !== 'sampling' && state.phase !== 'paused') return to(state);
      return to({ phase: 'finishing', run: state.run });
    case 'all-sent':
      return state.phase === 'finishing' ? to({ phase: 'done', run: state.run }, 'announce') : to(state);
    case 'stop':
      return end(state, 'stopped', input.status);
    case 'fail':
      return end(state, 'failed', input.status);
    case 'acknowledge':
      return isEnded(state) && state.run === input.run ? to({ phase: 'idle' }, 'free') : to(state);
  }
}

function resume(state: RunMachine, why: PauseReason): RunStep {
  if (state.phase !== 'paused' || state.why !== why) return to(state);
  return to({ phase: 'sampling', run: state.run }, 'compute');
}

function end(state: RunMachine, phase: 'stopped' | 'failed', status: Status): RunStep {
  return isLive(state) ? to({ phase, run: state.run, status }, 'abort', 'announce') : to(state);
}
