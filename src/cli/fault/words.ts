// Faults as people read and write them on the command line.
import { InvalidArgumentError } from 'commander';
import type {
  CellNumber,
  FaultTarget,
  FaultView,
  ImpossibleCell,
  PossibleCell,
} from '../../../firmware-sim/faults/index.ts';

export interface Quantity {
  value: number;
  unit: string;
}

/** "500codes", "-0.1 ratio", "3 C_per_s". */
export function quantity(text: string): Quantity {
  const match = /^\s*(?<value>[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(?<unit>[a-z][a-z_]*)\s*$/i.exec(
    text,
  );
  if (match === null)
    throw new InvalidArgumentError('Expected a number with its unit, such as 500codes or 0.1ratio.');
  return { value: Number(match.groups?.['value']), unit: match.groups?.['unit'] ?? '' };
}

/** "3,7" or "3-7". */
export function pair(text: string): [number, number] {
  const match = /^(\d{1,6})[,-](\d{1,6})$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Expected two units, such as 3,7.');
  return [Number(match[1]), Number(match[2])];
}

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

/** One line per fault. */
export function faultLine(fault: FaultView): string {
  const { id, component, type, target, magnitude, rate, period_s, duty_ratio = 0.5 } = fault;
  const numbers = [
    ...(magnitude ? [`${magnitude.value} ${magnitude.unit}`] : []),
    ...(rate ? [`${rate.value} ${rate.unit}`] : []),
    ...(period_s === undefined ? [] : [`${duty_ratio} of every ${period_s} s`]),
  ];
  return [id, `${component} ${type}`, targetWords(target), ...numbers, times(fault)].join('  ');
}

export function targetWords({ sensor, unit, pair: units, direction }: FaultTarget): string {
  if (units !== undefined) return `${units[0]}-${units[1]}`;
  if (unit !== undefined) return `unit ${unit}`;
  return sensor ?? direction ?? 'all';
}

function times({ inForce, startsAt_s, endsAt_s, period_s, plantedAt_s }: FaultView): string {
  const until = endsAt_s === null ? 'until cleared' : `until ${endsAt_s.toFixed(1)} s`;
  if (inForce) return `in force ${until}`;
  const waits =
    period_s !== undefined && startsAt_s <= plantedAt_s
      ? 'between two windows,'
      : `from ${startsAt_s.toFixed(1)} s`;
  return `${waits} ${until}`;
}

export interface Vocabulary {
  components: Record<string, Record<string, PossibleCell | ImpossibleCell>>;
  units: number;
  sensors: Record<string, string>;
}

/** Every fault with what it takes. */
export function vocabularyLines({ components, units, sensors }: Vocabulary): string[] {
  const names = Object.entries(sensors).map(([name, unit]) => `${name} (${unit})`);
  const cells = Object.entries(components).flatMap(([component, types]) =>
    Object.entries(types).map(([type, cell]) =>
      cell.possible
        ? `${component} ${type}: ${[cell.effect, ...numbersOf(cell)].join('; ')}`
        : `${component} ${type}: impossible, ${cell.reason}`,
    ),
  );
  return [...cells, `units 0 to ${units - 1}; sensors: ${names.length > 0 ? names.join(', ') : 'none'}`];
}

function numbersOf({ magnitude, rate, windows }: PossibleCell): string[] {
  return [
    ...(magnitude ? [numberWords('--magnitude', magnitude, '')] : []),
    ...(rate ? [numberWords('--rate', rate, '_per_s')] : []),
    ...(windows ? ['--period s, --duty ratio (0.5)'] : []),
  ];
}

function numberWords(flag: string, { meaning, required, units }: CellNumber, suffix: string): string {
  const bounds = Object.entries(units).map(
    ([unit, { least, most }]) => `${least} to ${most} ${unit}${suffix}`,
  );
  return `${required ? flag : `[${flag}]`} ${bounds.join(' or ')}: ${meaning}`;
}
