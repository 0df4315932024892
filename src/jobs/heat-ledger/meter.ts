// The energy of one attempt at a job, from the meters of its device read before and after; and between the jobs that of the
// device itself.
import type { TelemetryReading } from '../../device/index.ts';
import type { PhaseEnergy_J } from '../../store/index.ts';
import type { RelaxDevice } from '../device-port.ts';
import { byHour, energyBetween_J, type Stretch } from './energy.ts';

/** What is known of the energy of an attempt. */
export interface AttemptEnergy {
  /** Of the device's clock. */
  from_ms: number;
  to_ms: number;
  backend: string | null;
  energy_J: PhaseEnergy_J | null;
  /** Why there is none, or why it is only a lower bound. */
  reason: string | null;
  /** What the device used since the attempt before, in parts of an hour. */
  own: Stretch[];
}

type Metered = Pick<RelaxDevice, 'id' | 'backend' | 'capabilities' | 'telemetry'>;

const NONE: PhaseEnergy_J = Object.freeze({ idle: 0, program: 0, relax: 0, read: 0 });
/** A pause is an account of its own when it is longer than what numbers in milliseconds can tell. */
const OWN_MIN_MS = 1;

/** By device: where the account of its last attempt ended. */
export class DeviceMeters {
  readonly #last = new Map<string, TelemetryReading>();

  /** @param wall_ms of the device's clock, for what was not measured */
  attempt(device: Metered, wall_ms: () => number): AttemptMeter {
    return new AttemptMeter(device, wall_ms, this.#last);
  }
}

export class AttemptMeter {
  readonly #device: Metered;
  readonly #wall_ms: () => number;
  readonly #last: Map<string, TelemetryReading>;
  readonly #from_ms: number;
  #before: Promise<TelemetryReading | null> | null = null;
  #ended: Promise<AttemptEnergy> | null = null;

  constructor(device: Metered, wall_ms: () => number, last: Map<string, TelemetryReading>) {
    this.#device = device;
    this.#wall_ms = wall_ms;
    this.#last = last;
    this.#from_ms = wall_ms();
  }

  /** The device is about to be asked for something. Nothing waits for the meters: they are read ahead of what follows. */
  begin(): void {
    this.#before ??= this.#device.telemetry?.readNow() ?? Promise.resolve(null);
  }

  /** Reads the meters again, once; never rejects. An attempt that asked the device for nothing has used nothing. */
  end(): Promise<AttemptEnergy> {
    this.#ended ??= this.#before === null ? Promise.resolve(this.#unused()) : this.#end(this.#before);
    return this.#ended;
  }

  async #end(asked: Promise<TelemetryReading | null>): Promise<AttemptEnergy> {
    const { telemetry, backend } = this.#device;
    const after = (await telemetry?.readNow()) ?? null;
    const before = await asked;
    const from_ms = before?.at_ms ?? this.#from_ms;
    const to_ms = after?.at_ms ?? Math.max(from_ms, this.#wall_ms());
    const facts = { from_ms, to_ms, backend, own: this.#own(before, after) };
    if (before === null) return { ...facts, energy_J: null, reason: this.#whyNone() };
    if (after !== null) {
      const energy_J = energyBetween_J(before, after);
      return { ...facts, energy_J, reason: energy_J === null ? BEGAN_ANEW : null };
    }
    const latest = telemetry?.status.latest ?? null;
    const isLater = latest !== null && latest.at_ms > before.at_ms;
    const energy_J = isLater ? energyBetween_J(before, latest) : null;
    return { ...facts, energy_J, reason: energy_J === null ? NO_READING_AFTER : LOWER_BOUND };
  }

  #unused(): AttemptEnergy {
    const { backend } = this.#device;
    const times = { from_ms: this.#from_ms, to_ms: Math.max(this.#from_ms, this.#wall_ms()) };
    return { ...times, backend, energy_J: { ...NONE }, reason: null, own: [] };
  }

  #own(before: TelemetryReading | null, after: TelemetryReading | null): Stretch[] {
    const { id } = this.#device;
    const last = this.#last.get(id);
    if (after === null) this.#last.delete(id);
    else this.#last.set(id, after);
    if (last === undefined || before === null || before.at_ms - last.at_ms < OWN_MIN_MS) return [];
    const energy_J = energyBetween_J(last, before);
    return energy_J === null ? [] : byHour({ from_ms: last.at_ms, to_ms: before.at_ms, energy_J });
  }

  #whyNone(): string {
    const { capabilities, telemetry } = this.#device;
    const metrics = capabilities?.telemetry?.metrics ?? [];
    if (telemetry === undefined || !metrics.includes('readEnergy_J'))
      return 'the device has no meters for energy';
    return 'the device did not tell its meters before the attempt';
  }
}

const BEGAN_ANEW = 'the meters of the device began anew during the attempt, or one of them said nothing';
const NO_READING_AFTER = 'the device did not tell its meters after the attempt';
const LOWER_BOUND = 'a lower bound: the device did not tell its meters after its last reading in the attempt';
