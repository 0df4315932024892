// The victim of the kill test: writes rows and blobs as fast as it can and prints the id of each one that the store has
// acknowledged, until it is killed.
import { systemClock } from '../../src/clock/clock.ts';
import { encodeModelContent, openStore } from '../../src/store/index.ts';

const dataDir = process.argv[2];
const store = await openStore({ dataDir, clock: systemClock });
const units = 2;
const content = encodeModelContent({
  units,
  couplings: new Float64Array(4),
  biases: new Float64Array(units),
  j2: new Float64Array(units).fill(1),
  j4: new Float64Array(units).fill(1),
  noiseTemperature_E0: 0.1,
});
const model = await store.blobs.put(content);
await store.models.add({
  digest: model,
  blob: model,
  bytes: content.length,
  units,
  name: null,
  metadata: {},
  keyId: null,
});
for (let k = 0; ; k++) {
  // The blob first, then the row that names it: as a finished job does it.
  const text = `${process.pid} ${k} `;
  const samplesBlob = await store.blobs.put(new TextEncoder().encode(text.repeat(500)));
  const { id } = await store.jobs.add({ device: `d${k}`, model, request: { k }, labels: { k: `${k}` } });
  await store.jobs.transition(id, 'queued', 'running');
  await store.jobs.transition(id, 'running', 'succeeded', { samplesBlob });
  process.stdout.write(`${id} ${samplesBlob}\n`);
}
