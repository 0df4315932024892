// Which scenario a seed stands for: one kind of fault with drawn parameters, and one operation under it.
import type { ChaosFaults, LaneFaults } from '../../src/transports/index.ts';
import { seededUniform } from '../../test/support/seeded-random.ts';

export const FAULT_KINDS = [
  'drop',
  'flip',
  'duplicate',
  'reorder',
  'delay',
  'stall',
  'disconnect',
  'short',
  'rate',
  'reboot',
  'stale',
  'mixed',
] as const;
export const OPERATIONS = ['load', 'patch', 'run', 'stop'] as const;

export interface ScenarioPlan {
  seed: number;
  fault: (typeof FAULT_KINDS)[number];
  operation: (typeof OPERATIONS)[number];
  faults: ChaosFaults;
  /** The device loses power after so many bytes from the host; null: never. */
  rebootAt_bytes: number | null;
  /** Probability per write that a frame of an older session is slipped in beside it. */
  stale: number;
  /** When stop() is called, after run(). */
  stopAfter_ms: number;
}

/** About what a direction carries in a scenario, so that a fault at byte k mostly finds its byte. */
const CARRIED_BYTES = {
  load: { out: 5_000, in: 1_000 },
  patch: { out: 1_600, in: 700 },
  run: { out: 700, in: 45_000 },
  stop: { out: 400, in: 20_000 },
} as const;

export function scenarioPlan(seed: number): ScenarioPlan {
  const uniform = seededUniform(seed + 0x5eed);
  const fault = FAULT_KINDS[seed % FAULT_KINDS.length];
  const operation = OPERATIONS[Math.floor(seed / FAULT_KINDS.length) % OPERATIONS.length];
  const faults: ChaosFaults = { out: {}, in: {} };
  const where = Math.floor(uniform() * 3);
  const carried = CARRIED_BYTES[operation];
  if (where !== 1) faults.out = laneFaults(fault, uniform, carried.out);
  if (where !== 0) faults.in = laneFaults(fault, uniform, carried.in);
  return {
    seed,
    fault,
    operation,
    faults,
    rebootAt_bytes: fault === 'reboot' ? Math.floor(uniform() * carried.out) : null,
    stale: fault === 'stale' ? logUniform(uniform, 0.02, 0.5) : fault === 'mixed' ? 0.01 : 0,
    stopAfter_ms: Math.floor(uniform() * 80),
  };
}

function logUniform(uniform: () => number, from: number, to: number): number {
  return from * (to / from) ** uniform();
}

function laneFaults(fault: ScenarioPlan['fault'], uniform: () => number, carried_bytes: number): LaneFaults {
  const bytes = (): number => Math.floor(uniform() * carried_bytes);
  switch (fault) {
    case 'drop':
    case 'flip':
    case 'duplicate':
      return { [fault]: logUniform(uniform, 3e-5, 3e-3) };
    case 'reorder':
      return { reorder: logUniform(uniform, 0.01, 0.5) };
    case 'delay':
      return { delay_ms: Math.floor(logUniform(uniform, 1, 1_500)) };
    case 'stall':
      return { stall: { duration_ms: Math.floor(logUniform(uniform, 20, 20_000)), at_bytes: bytes() } };
    case 'disconnect':
      return { disconnectAt_bytes: bytes() };
    case 'short':
      return { shortWrites_bytes: Math.ceil(logUniform(uniform, 1, 200)) };
    case 'rate':
      return { rate_Bps: Math.floor(logUniform(uniform, 3_000, 1e6)) };
    case 'mixed':
      return {
        drop: 1e-4,
        flip: 1e-4,
        duplicate: 1e-4,
        reorder: 0.02,
        delay_ms: Math.floor(uniform() * 10),
        shortWrites_bytes: 1 + Math.floor(uniform() * 300),
        rate_Bps: 100_000,
        stall: { duration_ms: 300, at_bytes: bytes() },
      };
    case 'reboot':
    case 'stale':
      return {};
  }
}
