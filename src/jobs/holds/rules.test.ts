// The rules that hold jobs, one by one: pure functions, no clock and no store.
import { describe, expect, it } from 'vitest';
import type { JobRow, UseLeaseRow } from '../../store/index.ts';
import { untouched, type ControlState } from '../control/state.ts';
import { deviceHold, jobHold, type JobWorld } from './rule.ts';
import { HOLD_RULES } from './rules.ts';

const NOW_MS = 1_000_000;
const gone = { code: 'link-lost', message: 'the line is dead', remedy: 'Plug it in.' };
const stop = { at_ms: 1, keyId: 'op', reason: 'smoke', presses: 1, confirmation: null };

function world(change: Partial<JobWorld> = {}, state: Partial<ControlState> = {}): JobWorld {
  return {
    now_ms: NOW_MS,
    device: { id: 'chip-0', state: 'ready', reason: null },
    awaySince_ms: null,
    heat: null,
    spentBudget: null,
    required: null,
    use: { state: { ...untouched, ...state }, lease: null },
    ...change,
  };
}

const jobOf = (keyId: string | null): JobRow => ({ id: 'J', keyId, request: {} }) as unknown as JobRow;
const leaseOf = (keyId: string, expiresAt_ms: number): UseLeaseRow =>
  ({ id: 'L', keyId, expiresAt_ms }) as UseLeaseRow;

it('every rule has a reason of its own', () => {
  const reasons = HOLD_RULES.map(({ reason }) => reason);
  expect(new Set(reasons).size).toBe(reasons.length);
});

describe('a device', () => {
  const away = (since_ms: number): JobWorld =>
    world({ device: { id: 'chip-0', state: 'offline', reason: gone }, awaySince_ms: since_ms });

  it('that is there, and that nobody wants otherwise, holds nothing', () => {
    expect(deviceHold(HOLD_RULES, world())).toBeNull();
    expect(jobHold(HOLD_RULES, jobOf('me'), world())).toBeNull();
  });

  it('holds all that waits while it is stopped or in maintenance, the stop before all else', () => {
    expect(deviceHold(HOLD_RULES, world({}, { safeStop: stop }))).toEqual({
      reason: 'device-stopped',
      detail: 'the device was stopped for safety: smoke',
      since_ms: NOW_MS,
      until_ms: null,
    });
    const maintained = world({}, { desired: 'maintenance' });
    expect(deviceHold(HOLD_RULES, maintained)).toMatchObject({ reason: 'maintenance' });
    const both = { ...away(0), use: { state: { ...untouched, safeStop: stop }, lease: null } };
    expect(deviceHold(HOLD_RULES, both)).toMatchObject({ reason: 'device-stopped' });
  });

  it('holds all that waits once it has been away for five seconds, and says why it is', () => {
    expect(deviceHold(HOLD_RULES, away(NOW_MS - 4_999))).toBeNull();
    expect(deviceHold(HOLD_RULES, away(NOW_MS - 5_000))).toMatchObject({
      reason: 'device-offline',
      detail: 'device chip-0 is offline: the line is dead',
    });
  });

  it('that is away keeps what was held for that before a restart, from the first moment', () => {
    const rule = HOLD_RULES.find(({ reason }) => reason === 'device-offline');
    if (rule?.of !== 'device') throw new Error('there is no such rule');
    expect(rule.keeps?.(away(NOW_MS))).toBe(true);
    expect(rule.keeps?.(world())).toBe(false);
  });
});

describe('a lease', () => {
  const leased = (until_ms: number): JobWorld =>
    world({ use: { state: untouched, lease: leaseOf('me', until_ms) } });

  it.each([['you'], [null]])('of another key holds the jobs of %j until it ends', (keyId) => {
    expect(jobHold(HOLD_RULES, jobOf(keyId), leased(NOW_MS + 1))).toMatchObject({
      reason: 'lease',
      until_ms: NOW_MS + 1,
    });
    expect(jobHold(HOLD_RULES, jobOf(keyId), leased(NOW_MS))).toBeNull();
  });

  it('holds no job of its own key, and not the device', () => {
    expect(jobHold(HOLD_RULES, jobOf('me'), leased(NOW_MS + 1))).toBeNull();
    expect(deviceHold(HOLD_RULES, leased(NOW_MS + 1))).toBeNull();
  });
});

describe('a budget', () => {
  const spent = world({ spentBudget: { detail: '10 J of 10 J', until_ms: NOW_MS + 9 } });

  it('that is used up holds the jobs of its key until the day ends, and not the device', () => {
    expect(jobHold(HOLD_RULES, jobOf('me'), spent)).toEqual({
      reason: 'budget',
      detail: '10 J of 10 J',
      since_ms: NOW_MS,
      until_ms: NOW_MS + 9,
    });
    expect(deviceHold(HOLD_RULES, spent)).toBeNull();
  });
});

describe('a die that is too warm', () => {
  const warm = world({ heat: { detail: 'the die is at 79.0 C', until_ms: NOW_MS + 5_000 } });

  it('holds all that waits, with the time at which there will be room', () => {
    expect(deviceHold(HOLD_RULES, warm)).toEqual({
      reason: 'thermal',
      detail: 'the die is at 79.0 C',
      since_ms: NOW_MS,
      until_ms: NOW_MS + 5_000,
    });
    expect(jobHold(HOLD_RULES, jobOf('me'), warm)).toBeNull();
  });
});
