import { describe, expect, it } from 'vitest';
import { emptyModel, quantise } from '../../physics/index.ts';
import { CAPABILITIES } from '../../../test/fakes/relax-device.ts';
import { checkSchedule, normalise } from '../admission.ts';
import type { RelaxJobRequest } from '../request.ts';
import { scheduleFlaws } from './schedule-flaws.ts';

const program = quantise(emptyModel(4), CAPABILITIES.ranges);

function job(change: Partial<RelaxJobRequest> = {}) {
  const model = `sha256:${'0'.repeat(64)}`;
  const relax = { duration_s: 2.5e-6 };
  return normalise({ mode: 'relax', model, device: { id: 'd' }, relax, samples: { count: 10 }, ...change });
}

const pointers = (...asked: Parameters<typeof scheduleFlaws>): string[] =>
  [...scheduleFlaws(...asked)].flatMap((flaw) => flaw.errors.map(({ pointer }) => pointer));

describe('the flaws of a schedule', () => {
  it('are none of a job that is fine', () => {
    expect(pointers(job(), program, CAPABILITIES)).toEqual([]);
  });

  it('are all told, each at its place in the job as it was sent', () => {
    const wrong = job({
      samples: { count: 10_001 },
      step_s: 2e-8,
      noiseTemperature: 2,
      relax: {
        duration_s: 2.5e-6,
        readAt_s: [1.0004e-6, 1.5e-6, 2.0004e-6],
        initial: { kind: 'thermal', prepare_s: 1.0004e-6 },
      },
    });
    expect(pointers(wrong, program, CAPABILITIES).sort()).toEqual([
      '/noiseTemperature',
      '/relax/initial/prepare_s',
      '/relax/readAt_s/0',
      '/relax/readAt_s/2',
      '/samples/count',
      '/step_s',
    ]);
  });

  it('begin with the one that the planner names', () => {
    const wrong = job({ samples: { count: 10_001 }, seed: 1, step_s: 2e-8 });
    const onChip = { ...CAPABILITIES, seed: false };
    const [first] = scheduleFlaws(wrong, program, onChip);
    expect(() => checkSchedule(wrong, program, onChip)).toThrow(first.message);
    expect(pointers(wrong, program, onChip)).toEqual(['/samples/count', '/seed', '/step_s']);
  });

  it('end where nothing more can be said', () => {
    const late = job({ relax: { duration_s: 2.5004e-6 }, seed: 1 });
    expect(pointers(late, program, { ...CAPABILITIES, seed: false })).toEqual(['/seed', '/relax/duration_s']);
    expect(pointers(job({ seed: 1 }), program, { ...CAPABILITIES, unitsMax: 3 })).toEqual(['/model']);
  });
});
