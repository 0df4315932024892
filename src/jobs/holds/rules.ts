// The rules that hold jobs, in the order in which their reasons are told: what a person has to see to comes first.
import { away } from './away.ts';
import { budget } from './budget.ts';
import { calibration, condition } from './conditions.ts';
import { lease, maintenance, stopped } from './people.ts';
import { thermal } from './thermal.ts';
import type { HoldRule } from './rule.ts';

export const HOLD_RULES: readonly HoldRule[] = [
  stopped,
  maintenance,
  away,
  thermal,
  lease,
  budget,
  calibration,
  condition,
];
