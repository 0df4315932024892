// The victim of the kill test of webhooks: ends calibrations as fast as it can, prints the id of each end that the store has
// acknowledged, and delivers them to a webhook meanwhile, until it is killed.
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../src/clock/clock.ts';
import { deliverWebhooks, WebhookTargets } from '../../src/service/index.ts';
import { openStore } from '../../src/store/index.ts';

const [, , dataDir, url] = process.argv;
const store = await openStore({ dataDir, clock: systemClock });
const keyId = store.newId();
// A device of its own: the kill may have left a calibration running on the one of before.
const device = keyId;
await store.keys.add({
  id: keyId,
  name: 'hook',
  role: 'x',
  scopes: ['device:read'],
  secretSha256: keyId,
  expiresAt_ms: null,
});
await store.webhooks.add({ keyId, url, topics: ['calibration.failed'], secret: 's' });
deliverWebhooks({
  store,
  targets: new WebhookTargets({ allow: ['127.0.0.0/8'] }),
  clock: systemClock,
  lookEvery_ms: 1,
  onLog: () => {},
});
for (;;) {
  const { id } = await store.calibrations.add({ kind: 'noise', device, options: {} });
  await store.calibrations.transition(id, 'queued', 'running');
  await store.calibrations.transition(id, 'running', 'failed');
  process.stdout.write(`${id}\n`);
  // SQLite answers without leaving this turn, and deliveries want one too.
  await setImmediate();
}
