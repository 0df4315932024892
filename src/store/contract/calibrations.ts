// Calibrations.
import { describe, expect, it } from 'vitest';
import { type Fixture } from './fixture.ts';

export function calibrationContract(at: () => Fixture): void {
  describe('calibrations', () => {
    it('calibrations keep their outcome, and the latest good one of a chip is the active one', async () => {
      const run = async (uid: string, to: 'succeeded' | 'failed'): Promise<string> => {
        at().now_ms += 1000;
        const { id } = await at().store.calibrations.add({
          kind: 'noise',
          device: 'd',
          options: { holds: 3 },
        });
        expect((await at().store.calibrations.nextQueued('d'))?.id).toBe(id);
        await at().store.calibrations.transition(id, 'queued', 'running', { startedAt_ms: at().now_ms });
        const values = { ratio: 1.01 };
        await at().store.calibrations.transition(id, 'running', to, {
          deviceUid: uid,
          values,
          stderr: { ratio: 0.1 },
          provenance: { firmware: '1' },
          finishedAt_ms: at().now_ms,
        });
        return id;
      };
      await run('aa', 'succeeded');
      const second = await run('aa', 'succeeded');
      await run('aa', 'failed');
      await run('bb', 'succeeded');
      const active = await at().store.calibrations.latestSucceeded('noise', 'aa');
      expect(active).toMatchObject({
        id: second,
        values: { ratio: 1.01 },
        stderr: { ratio: 0.1 },
        revision: 3,
      });
      expect(await at().store.calibrations.latestSucceeded('other', 'aa')).toBeNull();
      expect(await at().store.calibrations.list({ state: 'failed' })).toHaveLength(1);
      expect(await at().store.calibrations.list({ kind: 'noise', device: 'd' })).toHaveLength(4);
    });
  });
}
