// What may keep jobs from running: each reason to hold one is a rule, a pure function of the job and the world around it.
// rules.ts lists them; queue-holds.ts puts their answers into the rows. A new reason is a new rule.
import type { HoldReason, JobHold, JobRow } from '../../store/index.ts';
import type { DeviceUse } from '../control/holds.ts';
import type { RelaxDevice } from '../device-port.ts';
import type { SpentBudget } from '../heat-ledger/index.ts';
import type { Required } from '../requirements/required.ts';

/** What is around every job of one device. */
export interface DeviceWorld {
  /** Wall milliseconds. */
  now_ms: number;
  device: Pick<RelaxDevice, 'id' | 'state' | 'reason'>;
  /** Since when it has been away; null: it is there. */
  awaySince_ms: number | null;
  /** What people want of it. */
  use: DeviceUse;
  /** Why its die is too warm for work; null: it is not, or nothing is known of that. */
  heat: HoldAnswer | null;
}

/** What is around one job: what a job rule needs beyond the device is a member here, and gathered in world.ts. */
export interface JobWorld extends DeviceWorld {
  /** What the key of the job has used up today; null: it may go on. */
  spentBudget: SpentBudget | null;
  /** What the job requires, and how it is; null: it requires nothing. */
  required: Required | null;
}

/** Why a job may not start now. */
export interface HoldAnswer {
  /** For people, in their words and with the numbers behind it. */
  detail: string;
  /** When it ends, where that is known. */
  until_ms: number | null;
}

/** Says the same of every job of the device, so that thousands are held and put back at once. */
export interface DeviceHoldRule {
  of: 'device';
  /** No other rule has the same. */
  reason: HoldReason;
  /** Null: nothing of this stands in the way. */
  hold(world: DeviceWorld): HoldAnswer | null;
  /** Whether what it has held stays so for now, although it holds nothing more; default: no. */
  keeps?(world: DeviceWorld): boolean;
}

/** Looks at each job: at those whose turn it is, and now and then at those that are held. */
export interface JobHoldRule {
  of: 'job';
  reason: HoldReason;
  hold(job: JobRow, world: JobWorld): HoldAnswer | null;
}

export type HoldRule = DeviceHoldRule | JobHoldRule;

/** The first rule that stands in the way of every job; null: none does. */
export function deviceHold(rules: readonly HoldRule[], world: DeviceWorld): JobHold | null {
  for (const rule of rules) {
    const answer = rule.of === 'device' ? rule.hold(world) : null;
    if (answer !== null) return { reason: rule.reason, ...answer, since_ms: world.now_ms };
  }
  return null;
}

/** The first rule that stands in the way of this job, of those that look at jobs; null: none does. */
export function jobHold(rules: readonly HoldRule[], job: JobRow, world: JobWorld): JobHold | null {
  for (const rule of rules) {
    const answer = rule.of === 'job' ? rule.hold(job, world) : null;
    if (answer !== null) return { reason: rule.reason, ...answer, since_ms: world.now_ms };
  }
  return null;
}
