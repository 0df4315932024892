// Joules from the meters of a board: sums since power on, read before and after. Pure.
import type { TelemetryReading } from '../../device/index.ts';
import type { PhaseEnergy_J } from '../../store/index.ts';

const METERS = {
  idle: 'idleEnergy_J',
  program: 'programEnergy_J',
  relax: 'relaxEnergy_J',
  read: 'readEnergy_J',
} as const satisfies Record<keyof PhaseEnergy_J, string>;
const PHASES = Object.keys(METERS) as (keyof PhaseEnergy_J)[];
const HOUR_MS = 3_600_000;

export const totalEnergy_J = ({ idle, program, relax, read }: PhaseEnergy_J): number =>
  idle + program + relax + read;

/** What the four meters say; null when one of them says nothing. */
function metersOf({ values }: TelemetryReading): PhaseEnergy_J | null {
  const all = PHASES.map((phase) => values[METERS[phase]]);
  if (all.some((value) => typeof value !== 'number')) return null;
  const [idle, program, relax, read] = all as number[];
  return { idle, program, relax, read };
}

/**
 * Energy between two readings of one device; null where a meter says nothing, or has fallen: the board was switched off and on
 * in between, and what it used before that is not known any more.
 */
export function energyBetween_J(before: TelemetryReading, after: TelemetryReading): PhaseEnergy_J | null {
  const [from, to] = [metersOf(before), metersOf(after)];
  if (from === null || to === null) return null;
  const used = {
    idle: to.idle - from.idle,
    program: to.program - from.program,
    relax: to.relax - from.relax,
    read: to.read - from.read,
  };
  return PHASES.some((phase) => used[phase] < 0) ? null : used;
}

export interface Stretch {
  from_ms: number;
  to_ms: number;
  energy_J: PhaseEnergy_J;
}

/** By the hours that it lies in, in proportion to time: between jobs a device idles, at a constant power or nearly so. */
export function byHour({ from_ms, to_ms, energy_J }: Stretch): Stretch[] {
  const parts: Stretch[] = [];
  for (let start_ms = from_ms; start_ms < to_ms;) {
    const end_ms = Math.min((Math.floor(start_ms / HOUR_MS) + 1) * HOUR_MS, to_ms);
    const share = (end_ms - start_ms) / (to_ms - from_ms);
    const { idle, program, relax, read } = energy_J;
    parts.push({
      from_ms: start_ms,
      to_ms: end_ms,
      energy_J: { idle: idle * share, program: program * share, relax: relax * share, read: read * share },
    });
    start_ms = end_ms;
  }
  return parts;
}
