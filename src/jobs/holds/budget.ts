// A key that has used up its joules of today: its jobs wait for midnight UTC, and those of other keys go by.
import type { JobHoldRule } from './rule.ts';

export const budget: JobHoldRule = {
  of: 'job',
  reason: 'budget',
  hold: (_job, { spentBudget }) => spentBudget,
};
