// Sample sets.
import { beforeEach, describe, expect, it } from 'vitest';
import { addModel, newJob, MODEL, type Fixture } from './fixture.ts';

export function sampleSetContract(at: () => Fixture): void {
  describe('sample sets', () => {
    beforeEach(async () => {
      await addModel(at().store);
    });

    it('sample sets belong to their job', async () => {
      const { id } = await at().store.jobs.add(newJob());
      const row = await at().store.sampleSets.add({
        jobId: id,
        device: 'twin-0',
        backend: 'twin',
        model: MODEL,
        blob: MODEL,
        bytes: 24,
        samples: 2,
        units: 3,
        reads: [{ time_s: 2.5e-6, label: 'read' }],
        stateScale: 2 ** -10,
        heatBlob: null,
      });
      expect(await at().store.sampleSets.findByJob(id)).toEqual(row);
      expect(await at().store.sampleSets.find(row.id)).toEqual(row);
      expect(await at().store.sampleSets.findByJob('nobody')).toBeNull();
    });
  });
}
