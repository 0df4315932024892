// The thermal part of a chip profile: what the twin dissipates in each phase, how heat leaves it, what it is surrounded
// by, how its analog parameters move with die temperature, and the limits that its firmware enforces.
import { z } from 'zod';

const finite = z.number();
const positive = finite.positive();
const temperature_C = finite.min(-55).max(250);

/** The surroundings: a constant, or a day that comes back as a sine. */
export const ambientSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant'), temperature_C }),
  z.strictObject({
    kind: z.literal('daily'),
    mean_C: temperature_C,
    amplitude_C: finite.nonnegative().max(100),
    /** Time of the warmest moment, since power on. */
    warmestAt_s: finite.default(0),
    period_s: positive.default(86_400),
  }),
]);
const ambient = ambientSchema
  .default({ kind: 'constant', temperature_C: 25 })
  .describe('Temperature of the surroundings: constant, or a daily sine (mean_C, amplitude_C, warmestAt_s).');
/** Leakage multiplies power by this at the most: then something else limits the current. */
export const LEAKAGE_FACTOR_MAX = 4;

/** Power by phase. */
interface Power {
  idle_W: number;
  program_W: number;
  relax_W: number;
  read_W: number;
}

const watts = (value: number, doing: string) =>
  finite.nonnegative().max(1000).default(value).describe(`Power drawn from this rail while ${doing}.`);

/** One supply: what stands at its source, and the resistance that its current drops voltage over. */
const rail = (what: string, voltage_V: number, resistance_ohm: number, power: Power) =>
  z
    .strictObject({
      voltage_V: positive.max(48).default(voltage_V).describe(`Voltage at the source of the ${what} rail.`),
      resistance_ohm: finite
        .nonnegative()
        .max(10)
        .default(resistance_ohm)
        .describe('Resistance between the source and the place where the rail is measured.'),
      power: z
        .strictObject({
          idle_W: watts(power.idle_W, 'idle'),
          program_W: watts(power.program_W, 'an image is written'),
          relax_W: watts(power.relax_W, 'the units move'),
          read_W: watts(power.read_W, 'the converters work'),
        })
        .prefault({}),
    })
    .prefault({});

const rails = z
  .strictObject({
    core: rail('core', 0.9, 0.01, { idle_W: 0.4, program_W: 0.5, relax_W: 2.2, read_W: 1.4 }),
    io: rail('converter and interface', 3.3, 0.1, {
      idle_W: 0.3,
      program_W: 0.9,
      relax_W: 0.4,
      read_W: 2.1,
    }),
  })
  .prefault({});

const limits = z
  .strictObject({
    derate_C: temperature_C.default(85).describe('Batches that would end above it are put off.'),
    trip_C: temperature_C.default(95).describe('At it the run fails and the fault is latched.'),
    hysteresis_C: positive
      .max(200)
      .default(10)
      .describe('The fault can be cleared below trip_C - hysteresis_C.'),
  })
  .prefault({});

const sensitivity = z
  .strictObject({
    reference_C: temperature_C
      .default(25)
      .describe('Die temperature at which the coefficients below do nothing.'),
    couplingGain_ratio_per_C: finite
      .min(-0.05)
      .max(0.05)
      .default(0)
      .describe('Relative change of all couplings per degree.'),
    offset_E0_per_C: finite
      .min(-0.1)
      .max(0.1)
      .default(0)
      .describe('Constant force -offset on every unit, per degree.'),
    noiseTemperature_ratio_per_C: finite
      .min(-0.05)
      .max(0.05)
      .default(0)
      .describe('Relative change of kT per degree.'),
  })
  .prefault({});

export const thermalSchema = z
  .strictObject({
    ambient,
    die_J_per_C: positive.default(0.5).describe('Heat capacity of the die.'),
    dieToBoard_C_per_W: positive.default(4).describe('Thermal resistance from die to board.'),
    board_J_per_C: positive.default(60).describe('Heat capacity of board and cooler.'),
    boardToAmbient_C_per_W: positive.default(3).describe('Thermal resistance from board to surroundings.'),
    rails,
    conversion_s: positive
      .max(1e-3)
      .default(1e-9)
      .describe('Time the converters work for one value; counts for power, not for the schedule.'),
    limits,
    sensitivity,
    leakage_ratio_per_C: finite
      .min(0)
      .max(0.2)
      .default(0)
      .describe(
        `Relative growth of all power per degree of the die above sensitivity.reference_C, to at most ${LEAKAGE_FACTOR_MAX} times.`,
      ),
  })
  .refine((thermal) => thermal.limits.derate_C <= thermal.limits.trip_C, {
    message: 'derate_C must not lie above trip_C',
    path: ['limits', 'derate_C'],
  })
  .refine(({ rails, leakage_ratio_per_C }) => [rails.core, rails.io].every(canCarry(leakage_ratio_per_C)), {
    message:
      'a rail cannot carry its power (with leakage that of the hottest die): 4 * resistance * power must lie below voltage^2',
    path: ['rails'],
  })
  .prefault({});

export type ThermalParameters = z.output<typeof thermalSchema>;
export type ThermalRail = ThermalParameters['rails']['core'];
export type Ambient = ThermalParameters['ambient'];

/** A chip at a constant 25 degrees, with a passive cooler, whose samples do not know the temperature. */
export const defaultThermal: ThermalParameters = thermalSchema.parse({});

/** Whether samples know the temperature at all. */
export function isSensitive(sensitivity: ThermalParameters['sensitivity']): boolean {
  const { couplingGain_ratio_per_C, offset_E0_per_C, noiseTemperature_ratio_per_C } = sensitivity;
  return [couplingGain_ratio_per_C, offset_E0_per_C, noiseTemperature_ratio_per_C].some((c) => c !== 0);
}

/** Beyond V^2/4R no current gives the power. */
function canCarry(leakage_ratio_per_C: number) {
  const most = leakage_ratio_per_C === 0 ? 1 : LEAKAGE_FACTOR_MAX;
  return (supply: { voltage_V: number; resistance_ohm: number; power: Power }): boolean => {
    const { voltage_V, resistance_ohm, power } = supply;
    return Object.values(power).every(
      (power_W: number) => 4 * resistance_ohm * power_W * most < voltage_V ** 2,
    );
  };
}
