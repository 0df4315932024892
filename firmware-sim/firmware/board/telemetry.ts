// The telemetry of a board: which channels there are, and the stream that a session subscribed to.
import { Code, Detail, TelemetryChannel } from '../../../src/link/messages/index.ts';
import type { SubscribeTelemetry, Telemetry } from '../../../src/link/messages/index.ts';
import type { BoardClock } from '../contract.ts';
import type { SensorReading } from './sensors.ts';
import { accept, refuse } from '../status.ts';
import type { Outcome } from '../status.ts';

export const TELEMETRY_MS_MIN = 10;
export const TELEMETRY_MS_MAX = 60_000;

type Channel = Exclude<TelemetryChannel, typeof TelemetryChannel.UNSPECIFIED>;

const CHANNELS: Record<Channel, (reading: SensorReading) => number> = {
  [TelemetryChannel.DIE_TEMPERATURE_C]: ({ die_C }) => die_C,
  [TelemetryChannel.BOARD_TEMPERATURE_C]: ({ board_C }) => board_C,
  [TelemetryChannel.AMBIENT_TEMPERATURE_C]: ({ ambient_C }) => ambient_C,
  [TelemetryChannel.CORE_VOLTAGE_V]: ({ rails }) => rails.core.voltage_V,
  [TelemetryChannel.CORE_CURRENT_A]: ({ rails }) => rails.core.current_A,
  [TelemetryChannel.IO_VOLTAGE_V]: ({ rails }) => rails.io.voltage_V,
  [TelemetryChannel.IO_CURRENT_A]: ({ rails }) => rails.io.current_A,
  [TelemetryChannel.IDLE_ENERGY_J]: ({ energy_J }) => energy_J.idle,
  [TelemetryChannel.PROGRAM_ENERGY_J]: ({ energy_J }) => energy_J.program,
  [TelemetryChannel.RELAX_ENERGY_J]: ({ energy_J }) => energy_J.relax,
  [TelemetryChannel.READ_ENERGY_J]: ({ energy_J }) => energy_J.read,
  [TelemetryChannel.READINGS]: ({ readings }) => readings,
  [TelemetryChannel.SATURATED_READINGS]: ({ saturatedReadings }) => saturatedReadings,
  [TelemetryChannel.THERMAL_HOLD_S]: ({ thermalHold_s }) => thermalHold_s,
};

/** Channels in ascending order, which is the order of values on the wire. */
const ORDER = (Object.keys(CHANNELS) as unknown as Channel[]).map(Number).sort((a, b) => a - b) as Channel[];
/** Bit c stands for channel c. */
export const TELEMETRY_MASK = ORDER.reduce((mask, channel) => (mask | (1 << channel)) >>> 0, 0);

export interface TelemetryOptions {
  clock: BoardClock;
  /** Null on a board without sensors. */
  sense: (() => SensorReading) | null;
  uptimeUs: () => bigint;
  send: (value: Telemetry) => void;
}

/** At most one subscription; it belongs to a session and ends with it. */
export class TelemetryStream {
  readonly #options: TelemetryOptions;
  #timer: { cancel(): void } | null = null;

  constructor(options: TelemetryOptions) {
    this.#options = options;
  }

  /** Replaces the subscription; the first reading is sent at once. Mask 0 ends it. */
  subscribe({ periodMs, mask }: SubscribeTelemetry): Outcome<null> {
    const { sense, clock } = this.#options;
    if (sense === null) return refuse(Code.UNIMPLEMENTED, Detail.UNSPECIFIED, 'this device has no sensors');
    if (mask === 0) {
      this.stop();
      return accept(null);
    }
    if ((mask & ~TELEMETRY_MASK) !== 0) {
      const message = `mask ${mask.toString(16)} names channels beyond ${TELEMETRY_MASK.toString(16)}`;
      return refuse(Code.OUT_OF_RANGE, Detail.UNSPECIFIED, message);
    }
    if (periodMs < TELEMETRY_MS_MIN || periodMs > TELEMETRY_MS_MAX) {
      const message = `${periodMs} ms lies outside ${TELEMETRY_MS_MIN} to ${TELEMETRY_MS_MAX} ms`;
      return refuse(Code.OUT_OF_RANGE, Detail.UNSPECIFIED, message);
    }
    this.stop();
    this.#tick(sense, mask, periodMs, clock.now_ms());
    return accept(null);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Due times are multiples of the period, so that late timers do not add up; what was missed is left out. */
  #tick(sense: () => SensorReading, mask: number, period_ms: number, due_ms: number): void {
    const { clock, send, uptimeUs } = this.#options;
    const late_ms = clock.now_ms() - due_ms;
    const next_ms = due_ms + (1 + Math.floor(late_ms / period_ms)) * period_ms;
    this.#timer = clock.after(next_ms - clock.now_ms(), () => this.#tick(sense, mask, period_ms, next_ms));
    send({ atUs: uptimeUs(), mask, value: valuesOf(sense(), mask) });
  }
}

function valuesOf(reading: SensorReading, mask: number): number[] {
  return ORDER.filter((channel) => (mask & (1 << channel)) !== 0).map((channel) =>
    CHANNELS[channel](reading),
  );
}
