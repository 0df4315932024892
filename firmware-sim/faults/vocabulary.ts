// What can fail and how: MAVLink's words (FAILURE_TYPE of FAILURE_UNIT, and our `drift`) for the parts of this device, with
// the meaning and the unit of every number. docs/twin.md shows the same table to people.

export const FAULT_COMPONENTS = ['sensor', 'coupling', 'readout', 'link'] as const;
export type FaultComponent = (typeof FAULT_COMPONENTS)[number];

/** MAVLink FAILURE_TYPE 0 to 7 in its order, and drift. `ok` takes faults away. */
export const FAULT_TYPES = [
  'ok',
  'off',
  'stuck',
  'garbage',
  'wrong',
  'slow',
  'delayed',
  'intermittent',
  'drift',
] as const;
export type FaultType = (typeof FAULT_TYPES)[number];
/** Types that do something. */
export type Failure = Exclude<FaultType, 'ok'>;

/** `channel` stands for the unit of the sensor that is meant; a full scale is 2047 codes of the program that is loaded. */
export type CellUnit =
  'codes' | 'ratio' | 'full_scale' | 'ns' | 'reads' | 'bytes_per_s' | 'ms' | 's' | 'channel';

/** A number that a fault takes, in one of its units. */
export interface CellNumber {
  readonly meaning: string;
  readonly required: boolean;
  readonly units: Partial<Record<CellUnit, { least: number; most: number; whole?: boolean }>>;
}

export interface PossibleCell {
  readonly possible: true;
  readonly effect: string;
  readonly magnitude?: CellNumber;
  /** Per second of device time since the fault set in. */
  readonly rate?: CellNumber;
  /** Comes and goes: takes period_s and duty_ratio. */
  readonly windows?: true;
}

/** A failure that this component cannot have, and why. */
export interface ImpossibleCell {
  readonly possible: false;
  readonly reason: string;
}

const CODE_MAX = 2047;
const signed = (most: number) => ({ least: -most, most });
const possible = (effect: string, numbers: Omit<PossibleCell, 'possible' | 'effect'> = {}): PossibleCell => ({
  possible: true,
  effect,
  ...numbers,
});
const needs = (meaning: string, units: CellNumber['units']): CellNumber => ({
  meaning,
  units,
  required: true,
});
const takes = (meaning: string, units: CellNumber['units']): CellNumber => ({
  meaning,
  units,
  required: false,
});
const impossible = (reason: string): ImpossibleCell => ({ possible: false, reason });
const whole = (least: number, most: number) => ({ least, most, whole: true });

const readout: Record<Failure, PossibleCell | ImpossibleCell> = {
  off: possible('delivers the code 0'),
  stuck: possible('delivers one code for ever', {
    magnitude: takes('the code; left out, the first one that is converted once the fault is in force', {
      codes: whole(-CODE_MAX, CODE_MAX),
    }),
  }),
  garbage: possible('delivers random codes, drawn anew for each read', {
    magnitude: takes('largest size of a code; left out, 2047', { codes: whole(1, CODE_MAX) }),
  }),
  wrong: possible('delivers the code times (1 + ratio), or plus so many codes, rounded, within +-2047', {
    magnitude: needs('error of the gain (ratio) or of the zero (codes)', {
      ratio: signed(2),
      codes: signed(CODE_MAX),
    }),
  }),
  slow: possible('the converter sees x through a low-pass that stands at 0 when a restart begins', {
    magnitude: needs('time constant, in the time of the schedule', { ns: { least: 1, most: 1e6 } }),
  }),
  delayed: possible('delivers the reads of before: of this restart, then of the one before it, at first 0', {
    magnitude: needs('how many reads late', { reads: whole(1, 64) }),
  }),
  intermittent: possible('delivers the code 0 while it fails', { windows: true }),
  drift: possible('an error that grows from 0 with device time, as it stands when a batch of a run begins', {
    rate: needs('growth of the gain (ratio) or of the zero (codes) per second', {
      ratio: signed(1e3),
      codes: signed(1e6),
    }),
  }),
};

/** Bounds of the error of a coupling. */
export const COUPLING_ERROR = {
  ratio: signed(2),
  codes: signed(2 * CODE_MAX),
  full_scale: signed(2),
} as const;
const NO_SETTLING = 'couplings are set before a run and do not settle in it';
const coupling: Record<Failure, PossibleCell | ImpossibleCell> = {
  off: possible('the coupling does not act, in both directions'),
  stuck: possible('the coupling has one code, whatever is programmed', {
    magnitude: needs('that code', { codes: whole(-CODE_MAX, CODE_MAX) }),
  }),
  garbage: possible('the coupling has a random code, drawn once from the seed, whatever is programmed', {
    magnitude: takes('largest size of a code; left out, 2047', { codes: whole(1, CODE_MAX) }),
  }),
  wrong: possible(
    'the coupling acts (1 + ratio) times too strongly, or as if so many codes or shares of the full scale were added',
    {
      magnitude: needs(
        'error of the gain (ratio), or of the coupling itself (codes, full_scale)',
        COUPLING_ERROR,
      ),
    },
  ),
  slow: impossible(
    `${NO_SETTLING}; for slow switches give the chip a profile with timing.switchDelay_ns (docs/twin.md)`,
  ),
  delayed: impossible(
    `${NO_SETTLING}; for switches that come late give the chip a profile with timing.switchDelay_ns (docs/twin.md)`,
  ),
  intermittent: possible('the coupling does not act while it fails', { windows: true }),
  drift: possible(
    'an error as of wrong that grows from 0 with device time, as it stands when a batch of a run begins',
    {
      rate: needs('growth of the error per second', {
        ratio: signed(1e3),
        codes: signed(1e6),
        full_scale: signed(1e3),
      }),
      magnitude: takes('where it stops, in the unit of the rate; left out, where a wrong coupling would', {
        ratio: { least: 0, most: COUPLING_ERROR.ratio.most },
        codes: { least: 0, most: COUPLING_ERROR.codes.most },
        full_scale: { least: 0, most: COUPLING_ERROR.full_scale.most },
      }),
    },
  ),
};

const link: Record<Failure, PossibleCell | ImpossibleCell> = {
  off: possible('silence: every byte is lost'),
  stuck: possible('stalled: bytes wait until the fault ends, then arrive in order'),
  garbage: possible('random bytes between the real ones', {
    magnitude: takes('random bytes per real byte; left out, 0.01', { ratio: { least: 1e-9, most: 1 } }),
  }),
  wrong: possible('flipped bits', {
    magnitude: needs('share of the bytes with one flipped bit', { ratio: { least: 1e-9, most: 1 } }),
  }),
  slow: possible('a narrow line', {
    magnitude: needs('bytes per second', { bytes_per_s: { least: 1, most: 1e9 } }),
  }),
  delayed: possible('every byte arrives later', {
    magnitude: needs('so many milliseconds', { ms: { least: 1, most: 600_000 } }),
  }),
  intermittent: possible('every byte is lost while it fails', { windows: true }),
  drift: impossible('a digital line has neither gain nor offset; use wrong, slow or delayed'),
};

const reading = signed(1e6);
const sensor: Record<Failure, PossibleCell | ImpossibleCell> = {
  off: possible(
    'the sensor says nothing: null in the telemetry; the firmware takes an unknown die for too hot',
  ),
  stuck: possible('one value for ever', {
    magnitude: takes('that value; left out, the first one that is read once the fault is in force', {
      channel: reading,
    }),
  }),
  garbage: possible('random values, drawn anew for each reading', {
    magnitude: needs('largest size of a value', { channel: { least: 1e-6, most: 1e6 } }),
  }),
  wrong: possible('the value times (1 + ratio), or plus a constant', {
    magnitude: needs('error of the gain (ratio) or of the zero (unit of the channel)', {
      ratio: signed(1e3),
      channel: reading,
    }),
  }),
  slow: possible('the value through a low-pass', {
    magnitude: needs('time constant', { s: { least: 1e-3, most: 1e6 } }),
  }),
  delayed: possible('old values', { magnitude: needs('how old', { s: { least: 1e-3, most: 3600 } }) }),
  intermittent: possible('the sensor says nothing while it fails', { windows: true }),
  drift: possible('an error that grows from 0 with device time', {
    rate: needs('growth of the error per second', { channel: reading }),
  }),
};

/** Component by failure: what it does and which numbers it takes, or why it cannot be. */
export const FAULT_TABLE: Readonly<
  Record<FaultComponent, Readonly<Record<Failure, PossibleCell | ImpossibleCell>>>
> = { sensor, coupling, readout, link };

/** Sensors of the twin and the units of their readings. */
export type SensorUnits = Readonly<Record<string, string>>;
