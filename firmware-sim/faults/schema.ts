// The document that plants a fault: strict schema, then the rules of the vocabulary (which component can fail how, which
// numbers that takes, which targets this device has).
import { z } from 'zod';
import { FaultError } from './errors.ts';
import { FAULT_COMPONENTS, FAULT_TABLE, FAULT_TYPES } from './vocabulary.ts';
import type { CellNumber, FaultComponent, PossibleCell, SensorUnits } from './vocabulary.ts';

const SEED_LIMIT = 2 ** 32 - 1;
/** About four months of device time. */
const TIME_MAX_S = 1e7;
const PERIOD_MIN_S = 1e-3;
export const DUTY_DEFAULT_RATIO = 0.5;
const ISSUES_SHOWN = 5;
const REMEDY = 'thermoloop fault list --vocabulary shows every fault with its numbers and units.';

const unitNumber = z.int().min(0);
const quantity = z.strictObject({ value: z.number(), unit: z.string().min(1).max(20) });
const time_s = z.number().min(0).max(TIME_MAX_S);

export const faultTarget = z
  .strictObject({
    sensor: z.string().min(1).max(64).optional().describe('Channel; only of sensors, always given there.'),
    unit: unitNumber
      .optional()
      .describe('Readout: this unit. Couplings: every coupling of this unit. Absent: all.'),
    pair: z
      .tuple([unitNumber, unitNumber])
      .optional()
      .describe('The coupling between two units, in both directions.'),
    direction: z
      .enum(['to-device', 'to-host'])
      .optional()
      .describe('Of the link. Absent: both directions, each with damage of its own.'),
  })
  .describe('What fails; absent: all of the component.');

export const faultSchema = z
  .strictObject({
    component: z.enum(FAULT_COMPONENTS),
    type: z.enum(FAULT_TYPES).describe('MAVLink FAILURE_TYPE, and drift; ok takes away what is there.'),
    target: faultTarget.default({}),
    magnitude: quantity.optional().describe('Meaning, unit and bounds as in the vocabulary.'),
    rate: quantity.optional().describe('Of a drift, per second of device time.'),
    seed: z.int().min(0).max(SEED_LIMIT).default(0).describe('Draws what is random.'),
    startsAfter_s: time_s.default(0).describe('Device time from now until the fault sets in.'),
    duration_s: time_s
      .min(PERIOD_MIN_S)
      .optional()
      .describe('Device time that it lasts; absent: until cleared.'),
    period_s: z
      .number()
      .min(PERIOD_MIN_S)
      .max(TIME_MAX_S)
      .optional()
      .describe('Of an intermittent fault: it fails at the beginning of each period.'),
    duty_ratio: z
      .number()
      .gt(0)
      .lt(1)
      .optional()
      .describe('Share of each period in which an intermittent fault fails; default 0.5.'),
  })
  .describe('A fault to plant.');

export type FaultTarget = z.output<typeof faultTarget>;
/** A fault that has passed every rule. */
export type FaultSpec = z.output<typeof faultSchema>;
export type FaultInput = z.input<typeof faultSchema>;

/** What this device has. */
export interface FaultLimits {
  readonly units: number;
  readonly sensors: SensorUnits;
}

/** Checks a document from outside. Throws FaultError. */
export function parseFault(input: unknown, limits: FaultLimits): FaultSpec {
  const result = faultSchema.safeParse(input);
  if (!result.success) {
    const { issues } = result.error;
    const lines = issues
      .slice(0, ISSUES_SHOWN)
      .map((issue) => `${issue.path.length > 0 ? issue.path.join('.') : 'fault'}: ${issue.message}`);
    throw new FaultError('invalid-fault', lines.join('; '), REMEDY, { cause: result.error });
  }
  const spec = result.data;
  checkTarget(spec, limits);
  if (spec.type === 'ok') checkOk(spec);
  else checkFailure(spec, cellOf(spec.component, spec.type), limits);
  return spec;
}

function cellOf(component: FaultComponent, type: Exclude<FaultSpec['type'], 'ok'>): PossibleCell {
  const cell = FAULT_TABLE[component][type];
  if (cell.possible) return cell;
  throw new FaultError('impossible-fault', `a ${component} cannot be ${type}: ${cell.reason}`, REMEDY);
}

const TARGETS: Record<FaultComponent, readonly (keyof FaultTarget)[]> = {
  sensor: ['sensor'],
  coupling: ['unit', 'pair'],
  readout: ['unit'],
  link: ['direction'],
};

function checkTarget({ component, type, target }: FaultSpec, limits: FaultLimits): void {
  const given = (Object.keys(target) as (keyof FaultTarget)[]).filter((key) => target[key] !== undefined);
  const stray = given.find((key) => !TARGETS[component].includes(key));
  if (stray !== undefined) {
    const fits = TARGETS[component].map((key) => `target.${key}`).join(' or ');
    throw invalid(`target.${stray} does not fit a ${component}`, `Use ${fits}, or leave the target out.`);
  }
  if (given.length > 1) throw invalid('a target is either a unit or a pair', 'Leave one of them out.');
  const units = [...(target.unit === undefined ? [] : [target.unit]), ...(target.pair ?? [])];
  const beyond = units.find((unit) => unit >= limits.units);
  if (beyond !== undefined) {
    throw new FaultError(
      'unknown-target',
      `there is no unit ${beyond}`,
      `This device has units 0 to ${limits.units - 1}.`,
    );
  }
  if (target.pair && target.pair[0] === target.pair[1]) {
    throw invalid(`a unit is not coupled to itself (${target.pair[0]})`, 'Name two units.');
  }
  if (component === 'sensor') checkSensor(target.sensor, type, limits.sensors);
}

function checkSensor(sensor: string | undefined, type: string, sensors: SensorUnits): void {
  const known = Object.keys(sensors);
  const remedy = known.length === 0 ? 'This device has no sensors.' : `Its sensors are: ${known.join(', ')}.`;
  if (sensor === undefined) {
    if (type === 'ok') return;
    throw invalid('target.sensor is missing', remedy);
  }
  if (!Object.hasOwn(sensors, sensor)) {
    throw new FaultError('unknown-target', `there is no sensor "${sensor}"`, remedy);
  }
}

function checkOk(spec: FaultSpec): void {
  const { magnitude, rate, duration_s, period_s, duty_ratio, startsAfter_s } = spec;
  const plain = [magnitude, rate, duration_s, period_s, duty_ratio].every((value) => value === undefined);
  if (plain && startsAfter_s === 0) return;
  throw invalid('ok takes effect now and takes no numbers', 'Give component and target only.');
}

function checkFailure(spec: FaultSpec, cell: PossibleCell, limits: FaultLimits): void {
  const what = `${spec.component} ${spec.type}`;
  const channel = spec.target.sensor === undefined ? '' : limits.sensors[spec.target.sensor];
  checkNumber('magnitude', what, spec.magnitude, cell.magnitude, channel, '');
  checkNumber('rate', what, spec.rate, cell.rate, channel, '_per_s');
  if (spec.rate && spec.magnitude && spec.rate.unit !== `${spec.magnitude.unit}_per_s`) {
    const remedy = `Give both in one unit, such as ${spec.magnitude.unit} and ${spec.magnitude.unit}_per_s.`;
    throw invalid(`${what}: a rate in ${spec.rate.unit} does not stop at ${spec.magnitude.unit}`, remedy);
  }
  if (cell.windows === true) {
    if (spec.period_s !== undefined) return;
    throw invalid(`${what}: period_s is missing`, `Give period_s, at least ${PERIOD_MIN_S} s.`);
  }
  if (spec.period_s !== undefined || spec.duty_ratio !== undefined) {
    throw invalid(`${what} takes neither period_s nor duty_ratio`, 'They belong to intermittent faults.');
  }
}

function checkNumber(
  name: 'magnitude' | 'rate',
  what: string,
  given: { value: number; unit: string } | undefined,
  cell: CellNumber | undefined,
  channel: string,
  suffix: string,
): void {
  if (cell === undefined) {
    if (given === undefined) return;
    throw invalid(`${what} takes no ${name}`, 'Leave it out.');
  }
  const bounds = Object.entries(cell.units).map(([unit, bound]) => ({
    ...bound,
    unit: (unit === 'channel' ? channel : unit) + suffix,
  }));
  const allowed = bounds.map(
    ({ unit, least, most, whole }) => `${least} to ${most} ${unit}${whole ? ' (whole numbers)' : ''}`,
  );
  const remedy = `Give ${cell.meaning}: ${allowed.join(', or ')}.`;
  if (given === undefined) {
    if (!cell.required) return;
    throw invalid(`${what}: ${name} is missing`, remedy);
  }
  const bound = bounds.find(({ unit }) => unit === given.unit);
  if (bound === undefined) throw invalid(`${what}: ${name}.unit is "${given.unit}"`, remedy);
  const { value } = given;
  const fits = value >= bound.least && value <= bound.most && (!bound.whole || Number.isInteger(value));
  if (!fits) throw invalid(`${what}: ${name}.value is ${value}`, remedy);
}

function invalid(message: string, remedy: string): FaultError {
  return new FaultError('invalid-fault', message, remedy);
}
