// How long the event loop of the service makes others wait while the largest model is uploaded and a job with it starts.
import { encodeModelNpz, emptyModel } from '../../src/physics/index.ts';
import type { Job } from '../../src/client/index.ts';
import { Http, jsonOf } from './http.ts';
import type { LoopDelay } from './loop-delay.ts';
import { tinyJob } from './tiny-jobs.ts';
import { UNITS_MAX, type Stand } from './stand.ts';

export interface Uploads {
  delays: LoopDelay[];
  upload_ms: number[];
  start_ms: number[];
  bytes: number;
}

/** @param count other models each time, as a model that is there already would cost nothing */
export async function uploads(stand: Stand, count: number, uniform: () => number): Promise<Uploads> {
  const http = new Http(stand.url, stand.key, 2);
  const result: Uploads = { delays: [], upload_ms: [], start_ms: [], bytes: 0 };
  for (let k = 0; k < count; k += 1) {
    const npz = randomModel(uniform);
    await stand.ask('loop-start');
    const start_ms = performance.now();
    const up = await http.send('POST', '/v1/models', npz, { 'content-type': 'application/x-npz' });
    const { digest } = jsonOf<{ digest: string }>(up, 201);
    const uploaded_ms = performance.now();
    const ran = await http.send('POST', '/v1/jobs', tinyJob(digest, k), { prefer: 'wait=60' });
    const { state } = jsonOf<Job>(ran, 200);
    if (state !== 'succeeded') throw new Error(`the job ended as ${state}`);
    result.upload_ms.push(uploaded_ms - start_ms);
    result.start_ms.push(performance.now() - uploaded_ms);
    result.delays.push(await stand.ask<LoopDelay>('loop-stop'));
    result.bytes = npz.length;
  }
  http.close();
  return result;
}

function randomModel(uniform: () => number): Uint8Array {
  const model = emptyModel(UNITS_MAX);
  for (let i = 0; i < UNITS_MAX; i += 1)
    for (let j = 0; j < i; j += 1)
      model.couplings[i * UNITS_MAX + j] = model.couplings[j * UNITS_MAX + i] = 0.1 * (uniform() - 0.5);
  return encodeModelNpz({ model, metadata: {} });
}
