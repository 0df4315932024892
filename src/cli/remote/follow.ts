// Follows a job or a calibration on the terminal: one bar, with what is done, how fast, and how long it will take.
import type { Ending, Progress as Report } from '../../client/index.ts';
import type { Step } from '../progress.ts';
import { spoken } from './text.ts';

/** 120/200 samples, 41/s, 2 s left */
export function reportLine({ done, total, unit, rate_per_s, eta_s }: Report): string {
  const rate = rate_per_s === null ? '' : `, ${rate_per_s.toPrecision(3)}/s`;
  return `${done}/${total} ${unit}${rate}${eta_s === null ? '' : `, ${spoken(eta_s)} left`}`;
}

/** Shows every answer of a wait in a step. */
export function follow(step: Step): { onState: (state: Ending) => void } {
  return {
    onState: ({ state, phase, progress, hold }) => {
      const waits = hold ? `held (${hold.reason}): ${hold.detail}` : (phase ?? state);
      const note = progress ? reportLine(progress) : waits;
      if (progress) step.update(progress.done, progress.total, note);
      else step.update(0, 1, note);
    },
  };
}
