// For tests of what must outlive everything: all that a service answers about the results it keeps.
import { createHash } from 'node:crypto';
import { sampleFormatNames } from '../../src/service/results/formats.ts';
import { KEPT_JOBS } from '../../src/store/contract/schema-3.test-support.ts';
import { digestOf, type StorePlace } from '../../src/store/index.ts';
import { startTestService } from './test-service.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Digests of what a service on this store answers about the kept jobs: samples in every format, certificates, models. */
export async function answersOf(place: StorePlace): Promise<Record<string, string>> {
  const service = await startTestService({}, place);
  const { store } = service;
  try {
    const answers: Record<string, string> = {};
    const ask = async (name: string, url: string): Promise<void> => {
      const { statusCode, rawPayload } = await service.call('GET', url, { role: 'viewer' });
      answers[name] = `${statusCode} ${sha256(rawPayload)}`;
    };
    for (const job of KEPT_JOBS) {
      for (const format of sampleFormatNames)
        await ask(`${job} ${format}`, `/v1/jobs/${job}/samples?format=${format}`);
      await ask(`${job} certificate`, `/v1/jobs/${job}/certificate`);
    }
    const [model] = await store.models.list();
    answers['model'] = digestOf(await store.blobs.get(model.blob));
    answers['audit'] = JSON.stringify(await store.audit.list({ action: 'job.submit', limit: 5 }));
    return answers;
  } finally {
    await service.close();
  }
}
