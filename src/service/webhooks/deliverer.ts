// Delivers what the outbox holds, at least once, also what another process left there.
import { sleep, type Clock } from '../../clock/clock.ts';
import { mayBeTold, type DeliveryRow, type Store } from '../../store/index.ts';
import { send } from './send.ts';
import type { WebhookTargets } from './targets.ts';

/** Longer than a delivery takes: resolving and 10 s of sending. */
const CLAIM_MS = 60_000;
const AT_ONCE = 8;
const LOOK_EVERY_MS = 1000;
const FIRST_RETRY_MS = 5_000;
const LAST_RETRY_MS = 6 * 3_600_000;
const GIVE_UP_AFTER_MS = 24 * 3_600_000;
/** Without one success. */
const DISABLE_AFTER_MS = 3 * 24 * 3_600_000;
const ERROR_CHARACTERS_MAX = 300;

export interface DelivererOptions {
  store: Store;
  targets: WebhookTargets;
  clock: Clock;
  lookEvery_ms?: number;
  firstRetry_ms?: number;
  onLog: (level: 'info' | 'warn', message: string, fields: object) => void;
}

/** Starts it; `close` breaks off what is under way, which comes again at the next start. */
export function deliverWebhooks(options: DelivererOptions): { close(): Promise<void> } {
  const { store, clock, onLog, lookEvery_ms = LOOK_EVERY_MS } = options;
  const closed = new AbortController();
  const { signal } = closed;
  const round = async (): Promise<void> => {
    const due = await store.webhooks.claim(CLAIM_MS, AT_ONCE);
    await Promise.all(due.map((delivery) => deliver(delivery, options, signal)));
    if (due.length === 0) await sleep(clock, lookEvery_ms, signal);
  };
  const done = (async () => {
    while (!signal.aborted)
      await round().catch(async (error: unknown) => {
        if (signal.aborted) return;
        onLog('warn', 'deliveries to webhooks stumbled and go on later', { error });
        await sleep(clock, lookEvery_ms, signal).catch(() => undefined);
      });
  })();
  return {
    async close() {
      closed.abort(new Error('the service stops'));
      await done;
    },
  };
}

async function deliver(row: DeliveryRow, options: DelivererOptions, signal: AbortSignal): Promise<void> {
  const { store, targets, clock } = options;
  const hook = await store.webhooks.find(row.webhookId);
  if (hook === null) return;
  if (hook.disabledAt_ms !== null)
    return store.webhooks.disable(hook.id, hook.disabledWhy ?? 'it is disabled');
  const key = await store.keys.find(hook.keyId);
  const now_ms = clock.wall_ms();
  if (key === null || key.revokedAt_ms !== null || (key.expiresAt_ms ?? Infinity) <= now_ms)
    return store.webhooks.disable(hook.id, 'its key was revoked or has expired');
  const settle = store.webhooks.settle.bind(store.webhooks);
  if (!mayBeTold(key.scopes, hook.keyId, row)) {
    await settle(row, { state: 'given-up', error: 'the key may not see it any more' });
    return;
  }
  try {
    const target = await targets.reach(hook.url);
    await send(target, { ...row, secret: hook.secret, at_ms: now_ms }, signal);
    await settle(row, { state: 'delivered', error: null });
  } catch (caught) {
    const error = (caught instanceof Error ? caught.message : String(caught)).slice(0, ERROR_CHARACTERS_MAX);
    const isOver = !signal.aborted && now_ms - row.createdAt_ms >= GIVE_UP_AFTER_MS;
    const retryIn_ms = signal.aborted ? 0 : pause_ms(row.attempts, options.firstRetry_ms);
    await settle(row, { state: isOver ? 'given-up' : 'pending', retryIn_ms, error });
    if (!signal.aborted && now_ms - (hook.failingSince_ms ?? now_ms) >= DISABLE_AFTER_MS)
      await store.webhooks.disable(hook.id, `nothing has arrived for three days: ${error}`);
  }
}

/** Doubles from attempt to attempt. */
function pause_ms(attempts: number, first_ms = FIRST_RETRY_MS): number {
  return Math.min(LAST_RETRY_MS, first_ms * 2 ** Math.min(attempts - 1, 30));
}
