// The life of a run: every input in every phase, and what it sets off.
import { describe, expect, it } from 'vitest';
import { OK_STATUS } from '../status.ts';
import { isEnded, isLive, stepRun } from './run-machine.ts';
import type { RunInput, RunMachine } from './run-machine.ts';

const status = OK_STATUS;
const IDLE: RunMachine = { phase: 'idle' };
const SAMPLING: RunMachine = { phase: 'sampling', run: 1 };
const FULL: RunMachine = { phase: 'paused', run: 1, why: 'ring-full' };
const SILENT: RunMachine = { phase: 'paused', run: 1, why: 'host-silent' };
const WARM: RunMachine = { phase: 'paused', run: 1, why: 'too-warm' };
const FINISHING: RunMachine = { phase: 'finishing', run: 1 };
const DONE: RunMachine = { phase: 'done', run: 1 };
const STOPPED: RunMachine = { phase: 'stopped', run: 1, status };
const FAILED: RunMachine = { phase: 'failed', run: 1, status };
const STATES = [IDLE, SAMPLING, FULL, SILENT, WARM, FINISHING, DONE, STOPPED, FAILED];

const INPUTS: RunInput[] = [
  { type: 'start', run: 2 },
  { type: 'ring-full' },
  { type: 'ring-free' },
  { type: 'too-warm' },
  { type: 'cooled' },
  { type: 'host-silent' },
  { type: 'host-heard' },
  { type: 'all-sampled' },
  { type: 'all-sent' },
  { type: 'stop', status },
  { type: 'fail', status },
  { type: 'acknowledge', run: 1 },
  { type: 'acknowledge', run: 9 },
];
const NEW: RunMachine = { phase: 'sampling', run: 2 };

/** Whatever is not listed changes nothing and sets nothing off. */
const moves: [RunMachine, RunInput['type'], RunMachine, string[]][] = [
  [IDLE, 'start', NEW, ['compute']],
  [DONE, 'start', NEW, ['compute']],
  [STOPPED, 'start', NEW, ['compute']],
  [FAILED, 'start', NEW, ['compute']],
  [SAMPLING, 'ring-full', FULL, []],
  [FULL, 'ring-free', SAMPLING, ['compute']],
  [SAMPLING, 'host-silent', SILENT, ['abort', 'announce']],
  [FULL, 'host-silent', SILENT, ['abort', 'announce']],
  [SILENT, 'host-heard', SAMPLING, ['compute']],
  [SAMPLING, 'too-warm', WARM, []],
  [WARM, 'cooled', SAMPLING, ['compute']],
  [WARM, 'host-silent', SILENT, ['abort', 'announce']],
  [WARM, 'all-sampled', FINISHING, []],
  [SAMPLING, 'all-sampled', FINISHING, []],
  [FULL, 'all-sampled', FINISHING, []],
  [SILENT, 'all-sampled', FINISHING, []],
  [FINISHING, 'all-sent', DONE, ['announce']],
  ...[SAMPLING, FULL, SILENT, WARM, FINISHING].flatMap(
    (state): [RunMachine, RunInput['type'], RunMachine, string[]][] => [
      [state, 'stop', STOPPED, ['abort', 'announce']],
      [state, 'fail', FAILED, ['abort', 'announce']],
    ],
  ),
];

describe('stepRun', () => {
  it('does what is listed, and nothing else', () => {
    for (const state of STATES) {
      for (const input of INPUTS) {
        const move = moves.find(([from, type]) => from === state && type === input.type);
        const isAck = input.type === 'acknowledge' && input.run === 1 && isEnded(state);
        const expected = isAck
          ? { state: IDLE, actions: ['free'] }
          : { state: move?.[2] ?? state, actions: move?.[3] ?? [] };
        expect(stepRun(state, input), `${state.phase}, ${input.type}`).toEqual(expected);
      }
    }
  });

  it('counts a run as live until its last byte is sent', () => {
    expect(STATES.filter(isLive)).toEqual([SAMPLING, FULL, SILENT, WARM, FINISHING]);
    expect(STATES.filter(isEnded)).toEqual([DONE, STOPPED, FAILED]);
  });
});
