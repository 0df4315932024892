import { describe, expect, it, vi } from 'vitest';
import type { KeyRow, Store } from '../../store/index.ts';
import { hearRevocations } from './revocations.ts';

describe('revocations on other hosts', () => {
  it('are heard, uses and other tables are not', async () => {
    let tell: Parameters<Store['onChange']>[0] = () => undefined;
    const rows = new Map<string, Pick<KeyRow, 'revokedAt_ms'>>([
      ['used', { revokedAt_ms: null }],
      ['revoked', { revokedAt_ms: 1 }],
    ]);
    const find = vi.fn(async (id: string) => {
      if (id === 'broken') throw new Error('the database is gone');
      return (rows.get(id) ?? null) as KeyRow | null;
    });
    const ended = vi.fn();
    const store = {
      onChange: (callback: typeof tell) => {
        tell = callback;
        return ended;
      },
      keys: { find },
    } as unknown as Store;
    const revoked: string[] = [];
    const errors: unknown[] = [];
    const stop = hearRevocations(
      store,
      (id) => void revoked.push(id),
      (error) => void errors.push(error),
    );
    for (const id of ['used', 'revoked', 'unknown', 'broken']) tell({ table: 'key', id });
    tell({ table: 'job', id: 'revoked' });
    await vi.waitUntil(() => errors.length > 0 && revoked.length > 0);
    expect(revoked).toEqual(['revoked']);
    expect(find).toHaveBeenCalledTimes(4);
    stop();
    expect(ended).toHaveBeenCalledTimes(1);
  });
});
