// The thermal part of a chip profile: what the twin dissipates in each phase, how heat leaves it, what it is surrounded
// by, how its analog parameters move with die temperature, and the limits that its firmware enforces.
import { z } from 'zod';

const finite = z.number().finite();
const positive = finite.positive();
const temperature_C = finite.min(-55).max(250);

/** The surroundings: a constant, or a day that comes back as a sine. */
const ambient = z.discriminatedUnion('kind', [
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

const power = z.strictObject({
  idle_W: finite.nonnegative(),
  program_W: finite.nonnegative(),
  relax_W: finite.nonnegative(),
  read_W: finite.nonnegative(),
});

/** One supply: what stands at its source, and the resistance that its current drops voltage over. */
const rail = z.strictObject({
  voltage_V: positive,
  resistance_ohm: finite.nonnegative(),
  power,
});

export const thermalSchema = z
  .strictObject({
    ambient: ambient.default({ kind: 'constant', temperature_C: 25 }),
    die_J_per_C: positive.default(0.5),
    dieToBoard_C_per_W: positive.default(4),
    board_J_per_C: positive.default(60),
    boardToAmbient_C_per_W: positive.default(3),
    rails: z
      .strictObject({ core: rail, io: rail })
      .default({
        core: {
          voltage_V: 0.9,
          resistance_ohm: 0.01,
          power: { idle_W: 0.4, program_W: 0.5, relax_W: 2.2, read_W: 1.4 },
        },
        io: {
          voltage_V: 3.3,
          resistance_ohm: 0.1,
          power: { idle_W: 0.3, program_W: 0.9, relax_W: 0.4, read_W: 2.1 },
        },
      })
      .meta({ description: 'Each rail with its own power by phase; all of it becomes heat in the die' }),
    /** Time one converter needs for one unit; a read takes this times the units of the program. */
    conversion_s: positive.default(1e-7),
    limits: z
      .strictObject({
        /** Above it the firmware pauses between batches. */
        derate_C: temperature_C,
        /** At it the run fails and the fault is latched. */
        trip_C: temperature_C,
        /** The fault can be cleared below trip_C - hysteresis_C. */
        hysteresis_C: positive,
      })
      .default({ derate_C: 85, trip_C: 95, hysteresis_C: 10 }),
    /** Linear coefficients about reference_C; 0 everywhere is a chip whose samples do not know the temperature. */
    sensitivity: z
      .strictObject({
        reference_C: temperature_C.default(25),
        couplingGain_ratio_per_C: finite.min(-0.05).max(0.05).default(0),
        offset_E0_per_C: finite.min(-0.1).max(0.1).default(0),
        noiseTemperature_ratio_per_C: finite.min(-0.05).max(0.05).default(0),
      })
      .prefault({}),
  })
  .refine(({ limits }) => limits.derate_C <= limits.trip_C, {
    message: 'derate_C must not lie above trip_C',
    path: ['limits', 'derate_C'],
  })
  .refine(({ rails }) => [rails.core, rails.io].every(canCarry), {
    message: 'a rail cannot carry its power: 4 * resistance * power must lie below voltage^2',
    path: ['rails'],
  });

export type ThermalParameters = z.infer<typeof thermalSchema>;
export type ThermalRail = ThermalParameters['rails']['core'];
export type Ambient = ThermalParameters['ambient'];

/** A chip at a constant 25 degrees, with a passive cooler, whose samples do not know the temperature. */
export const defaultThermal: ThermalParameters = thermalSchema.parse({});

/** Beyond V^2/4R no current gives the power. */
function canCarry({ voltage_V, resistance_ohm, power: watts }: z.infer<typeof rail>): boolean {
  return Object.values(watts).every((power_W) => 4 * resistance_ohm * power_W < voltage_V ** 2);
}
