// The bootstrap key: made at a start at which no key can make keys, usable once, and only to make a key.
import { mintKey } from './keys.ts';
import { roles } from './matrix.ts';
import type { KeyRow, Store } from '../../store/index.ts';

const PAGE = 500;

/** The token of a new bootstrap key, or null when there is a key that may make keys. Older bootstrap keys are revoked. */
export async function ensureBootstrapKey(
  store: Store,
  now_ms: number,
  randomBytes: (count: number) => Uint8Array,
): Promise<string | null> {
  const usable = (await allKeys(store)).filter(
    (key) => key.revokedAt_ms === null && (key.expiresAt_ms === null || key.expiresAt_ms > now_ms),
  );
  if (usable.some((key) => key.scopes.includes('keys:admin'))) return null;
  const id = store.newId();
  const { token, secretSha256 } = mintKey(id, randomBytes);
  await store.transaction(async (tx) => {
    for (const key of usable) if (key.role === 'bootstrap') await tx.keys.revoke(key.id);
    await tx.keys.add({
      id,
      name: 'bootstrap',
      role: 'bootstrap',
      scopes: [...roles.bootstrap],
      secretSha256,
      expiresAt_ms: null,
    });
    await tx.audit.append({
      keyId: null,
      action: 'key.bootstrap',
      target: id,
      outcome: 'done',
      correlationId: null,
      detail: {},
    });
  });
  return token;
}

async function allKeys(store: Store): Promise<KeyRow[]> {
  const keys: KeyRow[] = [];
  for (;;) {
    const page = await store.keys.list({ limit: PAGE, after: keys.at(-1)?.id, order: 'oldest-first' });
    keys.push(...page);
    if (page.length < PAGE) return keys;
  }
}
