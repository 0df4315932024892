// Timing errors: the phases and reads that a chip with a wrong clock and slow switches makes of a schedule.
import type { CorePhase, CoreRun } from '../analog-core.ts';
import type { ChipProfile } from '../profile/schema.ts';

/** The run that really happens; as many phases and reads as programmed, every read at a step of its own. */
export function mistimed(run: CoreRun, timing: ChipProfile['timing']): CoreRun {
  const { clock_ratio, switchDelay_ns, readDelay_ns } = timing;
  if (clock_ratio === 0 && switchDelay_ns === 0 && readDelay_ns === 0) return run;
  const steps = (programmed: number, delay_ns: number): number =>
    Math.floor(programmed * (1 + clock_ratio) + delay_ns / run.step_ns + 0.5);
  const phases = run.phases.map((phase): CorePhase => {
    let last = -1;
    const readAtStep = phase.readAtStep.map((at) => (last = Math.max(last + 1, steps(at, readDelay_ns))));
    return { ...phase, steps: Math.max(1, last, steps(phase.steps, switchDelay_ns)), readAtStep };
  });
  return { ...run, phases };
}
