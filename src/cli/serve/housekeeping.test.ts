import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../clock/clock.ts';
import { openStore, type Store } from '../../store/index.ts';
import { keepHouse } from './housekeeping.ts';
import { retentionSettings } from './retention-setting.ts';

let dataDir: string;
let store: Store;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-house-'));
  store = await openStore({ dataDir, clock: systemClock });
});
afterEach(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});

describe('housekeeping', () => {
  const row = {
    keyId: null,
    action: 'old',
    target: null,
    outcome: 'done',
    correlationId: null,
    detail: {},
    at_ms: 1,
  };
  const policy = { jobs_days: null, captures_days: null, audit_days: 1 };

  it('lets go of what is too old, again and again, says so, and ends when it is told to', async () => {
    const onLog = vi.fn();
    await store.audit.append(row);
    const house = keepHouse({ store, policy, clock: systemClock, every_ms: 1, onLog });
    await expect.poll(() => store.audit.list()).toEqual([]);
    await store.audit.append(row);
    await expect.poll(() => store.audit.list()).toEqual([]);
    await house.close();
    expect(onLog).toHaveBeenCalledWith('info', expect.any(String), expect.objectContaining({ auditRows: 1 }));
  });

  it('goes on after a failure', async () => {
    const onLog = vi.fn();
    const broken = {
      ...store,
      idempotency: { ...store.idempotency, prune: vi.fn().mockRejectedValueOnce(new Error('x')) },
    };
    broken.idempotency.prune.mockResolvedValue(0);
    const house = keepHouse({ store: broken, policy, clock: systemClock, every_ms: 1, onLog });
    await expect.poll(() => broken.idempotency.prune.mock.calls.length).toBeGreaterThan(1);
    await house.close();
    expect(onLog).toHaveBeenCalledWith('warn', expect.any(String), expect.anything());
  });
});

describe('retention settings', () => {
  it('are days by kind, and for ever unless set', () => {
    const get = (values: Record<string, string>) => (name: string) => values[name];
    expect(retentionSettings(get({}))).toEqual({ jobs_days: null, captures_days: null, audit_days: null });
    const set = { retentionDays: '30', retentionCaptureDays: '7', retentionAuditDays: '400' };
    expect(retentionSettings(get(set))).toEqual({ jobs_days: 30, captures_days: 7, audit_days: 400 });
    for (const value of ['0', '-1', '1.5', 'x', '', '999999', '1d'])
      expect(() => retentionSettings(get({ retentionDays: value }))).toThrow(/retentionDays/);
  });
});
