// What is known of the heat of one device: learns from every reading of its sensors, and says whether there is room for work.
import type { TelemetryReading, TelemetryValues } from '../../device/index.ts';
import type { RelaxDevice } from '../device-port.ts';
import { energyBetween_J, totalEnergy_J } from '../heat-ledger/energy.ts';
import type { HoldAnswer } from '../holds/rule.ts';
import { Forecast, type Temperatures } from './forecast.ts';
import { RcPole, passedOn_J } from './pole.ts';

/** Below the limit at which the device itself holds back: what a forecast may be wrong by, degrees. */
export const MARGIN_C = 2;
/** Work is begun when there is room for so much of it, or for half of what there could ever be. */
const START_S = 2;
/** The board is slow: readings closer together than this tell nothing of it. */
const BOARD_EVERY_S = 5;
/** Readings further apart belong to two times. */
const GAP_S = 120;
/** Older readings say nothing of now. */
const FRESH_S = 10;
/** The power of runs is forgotten over so much time of running, where later ones need less. */
const RUN_MEMORY_S = 600;
/** Of the power of runs, as long as the device has not been seen to do nothing. */
const IDLE_GUESS_SHARE = 1 / 2;
/** A long run is begun as a whole only where it could become so much warmer around it, degrees. */
const WEATHER_C = 15;
/** Idle power is what the meters say of intervals in which nothing else was counted. */
const NOTHING_J = 1e-9;

type Watched = Pick<RelaxDevice, 'id' | 'capabilities' | 'telemetry'>;

export interface Room {
  forecast: Forecast;
  now: Temperatures;
  /** Of work that fits now, and after the longest rest. */
  room_s: number;
  roomAtRest_s: number;
  /** It would stay cool at work for ever, also if it became warmer around it. */
  isFree: boolean;
}

export function roomOf(forecast: Forecast, now: Temperatures): Room {
  const warmer = { ...now, board_C: now.board_C + WEATHER_C, ambient_C: now.ambient_C + WEATHER_C };
  return {
    forecast,
    now,
    room_s: forecast.room_s(now),
    roomAtRest_s: forecast.roomAtRest_s(now),
    isFree: forecast.room_s({ ...warmer, die_C: now.die_C + WEATHER_C }) === Infinity,
  };
}

export class ThermalWatch {
  readonly #device: Watched;
  /** Of the device's clock. */
  readonly #wall_ms: () => number;
  readonly #onTurn: () => void;
  readonly #stop: (() => void) | undefined;
  #die = new RcPole();
  #board = new RcPole();
  #idle_W: number | null = null;
  #run_W: number | null = null;
  #last: TelemetryReading | null = null;
  #boardFrom: TelemetryReading | null = null;
  #wasWarm = false;

  /** @param onTurn called when there is room again */
  constructor(device: Watched, wall_ms: () => number, onTurn: () => void) {
    this.#device = device;
    this.#wall_ms = wall_ms;
    this.#onTurn = onTurn;
    this.#stop = device.telemetry?.onReading?.(() => this.#take());
  }

  dbg(): unknown {
    return [this.#die, this.#die.parameters, this.#board.parameters, this.#idle_W, this.#run_W, this.#now()];
  }
  close(): void {
    this.#stop?.();
  }

  /** Null: too little is known yet, or the device has no limit or no sensors; then its own guard is all there is. */
  room(): Room | null {
    const limits = this.#device.capabilities?.dieLimits ?? null;
    const [die, board] = [this.#die.parameters, this.#board.parameters];
    const now = this.#now();
    if (limits === null || die === null || board === null || now === null) return null;
    const run_W = this.#run_W;
    if (run_W === null) return null;
    const limit_C = limits.derate_C - MARGIN_C;
    const idle_W = this.#idle_W ?? IDLE_GUESS_SHARE * run_W;
    const forecast = new Forecast({ die, board, idle_W, run_W, limit_C });
    return roomOf(forecast, now);
  }

  /** A new reading, so that room() is about now. */
  async look(): Promise<void> {
    await this.#device.telemetry?.readNow();
  }

  /** Why no job may start now; null: one may. */
  hold(wall_ms: number): HoldAnswer | null {
    const room = this.room();
    if (room === null) return null;
    const start_s = startOf_s(room);
    if (room.room_s >= start_s) return null;
    const { forecast, now } = room;
    const wait_s = start_s > 0 ? forecast.waitFor_s(now, start_s) : Infinity;
    const peak_C = forecast.peak_C(now, Math.max(start_s, 1e-3));
    const what = `the die is at ${now.die_C.toFixed(1)} C, and work would take it to ${peak_C.toFixed(1)} C`;
    const limit = `it is kept below ${forecast.facts.limit_C.toFixed(1)} C`;
    if (!Number.isFinite(wait_s))
      return { detail: `${what}; ${limit}, and the surroundings are too warm for that`, until_ms: null };
    return { detail: `${what}; ${limit}`, until_ms: wall_ms + 1000 * wait_s };
  }

  #now(): Temperatures | null {
    const last = this.#last;
    if (last === null || this.#wall_ms() - last.at_ms > 1000 * FRESH_S) return null;
    return temperaturesOf(last.values);
  }

  #take(): void {
    const reading = this.#device.telemetry?.status.latest ?? null;
    if (reading === null) return;
    const last = this.#last;
    this.#last = reading;
    if (last !== null && isNext(last, reading)) this.#learn(last, reading);
    this.#learnBoard(reading);
    const isWarm = this.hold(0) !== null;
    if (this.#wasWarm && !isWarm) this.#onTurn();
    this.#wasWarm = isWarm;
  }

  #learn(last: TelemetryReading, reading: TelemetryReading): void {
    const used = energyBetween_J(last, reading);
    const [before, after] = [temperaturesOf(last.values), temperaturesOf(reading.values)];
    const duration_s = reading.uptime_s - last.uptime_s;
    if (used === null || before === null || after === null || duration_s < 1e-3) return;
    const energy_J = totalEnergy_J(used);
    this.#die.add({
      duration_s,
      before_C: before.die_C - before.board_C,
      after_C: after.die_C - after.board_C,
      warmed_C: after.die_C - before.die_C,
      energy_J,
    });
    const power_W = energy_J / duration_s;
    if (used.relax + used.read > NOTHING_J)
      this.#running(Math.max(power_W, railPower_W(reading.values)), duration_s);
    else if (used.program < NOTHING_J) this.#idle_W = power_W;
  }

  /** The most that runs need; less only after a while of needing less. */
  #running(power_W: number, duration_s: number): void {
    const before_W = this.#run_W;
    if (before_W === null || power_W >= before_W) this.#run_W = power_W;
    else this.#run_W = before_W + (power_W - before_W) * -Math.expm1(-duration_s / RUN_MEMORY_S);
  }

  #learnBoard(reading: TelemetryReading): void {
    const from = this.#boardFrom;
    if (from !== null && isNext(from, reading) && reading.uptime_s - from.uptime_s < BOARD_EVERY_S) return;
    this.#boardFrom = reading;
    if (from === null || !isNext(from, reading)) return;
    const used = energyBetween_J(from, reading);
    const [before, after] = [temperaturesOf(from.values), temperaturesOf(reading.values)];
    if (used === null || before === null || after === null) return;
    this.#board.add({
      duration_s: reading.uptime_s - from.uptime_s,
      before_C: before.board_C - before.ambient_C,
      after_C: after.board_C - after.ambient_C,
      warmed_C: after.board_C - before.board_C,
      energy_J: passedOn_J(this.#die.parameters, totalEnergy_J(used), after.die_C - before.die_C),
    });
  }
}

/** So much room is wanted before work is begun; 0: there will never be any. */
export function startOf_s({ roomAtRest_s }: Pick<Room, 'roomAtRest_s'>): number {
  return roomAtRest_s === 0 ? Infinity : Math.min(START_S, roomAtRest_s / 2);
}

const isNext = (before: TelemetryReading, after: TelemetryReading): boolean =>
  after.uptime_s > before.uptime_s && after.uptime_s - before.uptime_s <= GAP_S;

function temperaturesOf(values: TelemetryValues): Temperatures | null {
  const { dieTemperature_C: die_C, boardTemperature_C: board_C, ambientTemperature_C: ambient_C } = values;
  if (typeof die_C !== 'number' || typeof board_C !== 'number' || typeof ambient_C !== 'number') return null;
  return { die_C, board_C, ambient_C };
}

/** At this moment; 0 where a sensor says nothing. */
function railPower_W(values: TelemetryValues): number {
  const { coreVoltage_V, coreCurrent_A, ioVoltage_V, ioCurrent_A } = values;
  return (coreVoltage_V ?? 0) * (coreCurrent_A ?? 0) + (ioVoltage_V ?? 0) * (ioCurrent_A ?? 0);
}
