// The names of telemetry above the link: one for each channel of the wire, with its unit in the name.
import { TelemetryChannel } from '../../link/index.ts';

type Channel = Exclude<TelemetryChannel, typeof TelemetryChannel.UNSPECIFIED>;

const METRIC_OF = {
  [TelemetryChannel.DIE_TEMPERATURE_C]: 'dieTemperature_C',
  [TelemetryChannel.BOARD_TEMPERATURE_C]: 'boardTemperature_C',
  [TelemetryChannel.AMBIENT_TEMPERATURE_C]: 'ambientTemperature_C',
  [TelemetryChannel.CORE_VOLTAGE_V]: 'coreVoltage_V',
  [TelemetryChannel.CORE_CURRENT_A]: 'coreCurrent_A',
  [TelemetryChannel.IO_VOLTAGE_V]: 'ioVoltage_V',
  [TelemetryChannel.IO_CURRENT_A]: 'ioCurrent_A',
  [TelemetryChannel.IDLE_ENERGY_J]: 'idleEnergy_J',
  [TelemetryChannel.PROGRAM_ENERGY_J]: 'programEnergy_J',
  [TelemetryChannel.RELAX_ENERGY_J]: 'relaxEnergy_J',
  [TelemetryChannel.READ_ENERGY_J]: 'readEnergy_J',
  [TelemetryChannel.READINGS]: 'readings',
  [TelemetryChannel.SATURATED_READINGS]: 'saturatedReadings',
  [TelemetryChannel.THERMAL_HOLD_S]: 'thermalHold_s',
} as const satisfies Record<Channel, string>;

export type TelemetryMetric = (typeof METRIC_OF)[Channel];
/** All of them, in the order of the wire. */
export const telemetryMetrics: readonly TelemetryMetric[] = Object.values(METRIC_OF);

/** Of the bits that a device sets; bits that no channel has are left out. */
export function metricsOf(mask: number): TelemetryMetric[] {
  return channelsOf(mask).map((channel) => METRIC_OF[channel]);
}

/** One reading by name; null: the sensor gave nothing. A reading with fewer values than bits gives the rest as null. */
export function valuesOf(
  mask: number,
  value: readonly number[],
): Partial<Record<TelemetryMetric, number | null>> {
  const values: Partial<Record<TelemetryMetric, number | null>> = {};
  let at = 0;
  for (let bit = 0; bit < 32; bit++) {
    if (((mask >>> bit) & 1) === 0) continue;
    const number = value[at++] ?? NaN;
    if (isChannel(bit)) values[METRIC_OF[bit]] = Number.isFinite(number) ? number : null;
  }
  return values;
}

function channelsOf(mask: number): Channel[] {
  return Array.from({ length: 32 }, (_, bit) => bit).filter(
    (bit): bit is Channel => ((mask >>> bit) & 1) === 1 && isChannel(bit),
  );
}

const isChannel = (bit: number): bit is Channel => Object.hasOwn(METRIC_OF, bit);
