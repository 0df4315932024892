// Everything that a reset wipes: banks, run, faults, reply cache, session, counters. One object per boot, so that nothing
// volatile can survive by accident.
import { Code, Detail, DeviceState, FaultCode, Severity } from '../../src/link/messages/index.ts';
import type {
  DeviceStatus,
  Event,
  EventBodies,
  Fault,
  Heartbeat,
  ResetReason,
  LinkCounters,
  LoadReport,
  RunState,
  Telemetry,
} from '../../src/link/messages/index.ts';
import type { BodyOf } from '../../src/link/messages/index.ts';
import type { ControllerOptions } from './contract.ts';
import type { CoreGate } from './board/core-gate.ts';
import { Faults } from './board/faults.ts';
import { SILENT } from './session/handshake.ts';
import type { HandshakeState } from './session/handshake.ts';
import { ImageLoads } from './images/loads.ts';
import { ReplyCache } from './session/reply-cache.ts';
import { RunEngine } from './runs/run-engine.ts';
import { statusOf } from './status.ts';
import { TelemetryStream } from './board/telemetry.ts';
import type { ThermalGuard } from './board/thermal-guard.ts';

const PREFIX_BYTES = 8;

/** What a boot tells the line. */
export interface BootOutput {
  event(body: BodyOf<EventBodies>): void;
  report(report: LoadReport): void;
  wake(): void;
  /** A reading; worth nothing later, so it may be left out. */
  telemetry(value: Telemetry): void;
}

/** The active program, as far as a schedule needs it. */
export interface ActiveProgram {
  id: string;
  units: number;
  noiseTemperatureCode: number;
}

export class Boot {
  readonly id: bigint;
  readonly resetReason: ResetReason;
  readonly options: ControllerOptions;
  readonly gate: CoreGate;
  readonly cache: ReplyCache;
  readonly loads: ImageLoads;
  readonly engine: RunEngine;
  readonly telemetry: TelemetryStream;
  readonly thermal: ThermalGuard | null;
  readonly faults = new Faults();
  readonly counters: LinkCounters = noCounts();
  handshake: HandshakeState = SILENT;
  active: ActiveProgram | null = null;
  readonly #started_ms: number;
  #eventSeq = 0;

  constructor(
    options: ControllerOptions,
    board: { gate: CoreGate; thermal: ThermalGuard | null },
    resetReason: ResetReason,
    output: BootOutput,
  ) {
    const { clock, capabilities, limits, random32 } = options;
    const { gate, thermal } = board;
    this.options = options;
    this.gate = gate;
    this.thermal = thermal;
    this.resetReason = resetReason;
    this.id = (BigInt(random32() >>> 0) << 32n) | BigInt(random32() >>> 0);
    this.#started_ms = clock.now_ms();
    this.cache = new ReplyCache(limits.replyCache);
    this.engine = new RunEngine({
      gate,
      clock,
      thermal,
      ringBytes: limits.sampleRingBytes,
      uptimeUs: () => this.uptimeUs(),
      announce: (value) => output.event({ type: 'runState', value }),
      wake: () => output.wake(),
    });
    this.telemetry = new TelemetryStream({
      clock,
      sense: thermal && (() => thermal.sensors.read()),
      uptimeUs: () => this.uptimeUs(),
      send: (value) => output.telemetry(value),
    });
    if (thermal !== null && thermal.latched_C !== null) this.#overTemperature(thermal.latched_C);
    this.loads = new ImageLoads({
      clock,
      capabilities,
      limits,
      report: (report) => output.report(report),
      memoryFault: (bank) => output.event({ type: 'fault', value: this.#memoryFault(bank) }),
      fieldsInUse: () => this.engine.fieldsInUse,
    });
  }

  uptimeUs(): bigint {
    return BigInt(Math.round((this.options.clock.now_ms() - this.#started_ms) * 1000));
  }

  deviceState(): DeviceState {
    if (this.faults.list.length > 0) return DeviceState.FAULT;
    if (this.engine.inSafeHold) return DeviceState.SAFE_HOLD;
    return this.engine.live ? DeviceState.RUNNING : DeviceState.IDLE;
  }

  status(): DeviceStatus {
    const run: RunState | undefined = this.engine.state();
    return {
      state: this.deviceState(),
      bootId: this.id,
      uptimeUs: this.uptimeUs(),
      bank: this.loads.banks(),
      fault: [...this.faults.list],
      link: { ...this.counters },
      ...(run && { run }),
    };
  }

  heartbeat(): Heartbeat {
    const unacked = this.engine.unacknowledged();
    return {
      state: this.deviceState(),
      activeProgramPrefix: Buffer.from(this.active?.id ?? '', 'hex').subarray(0, PREFIX_BYTES),
      run: this.engine.run,
      runBytes: BigInt(this.engine.producedBytes),
      link: { ...this.counters },
      faults: this.faults.list.length,
      ...(unacked && { unacked }),
    };
  }

  event(body: BodyOf<EventBodies>): Event {
    this.#eventSeq = (this.#eventSeq + 1) >>> 0;
    return { bootId: this.id, uptimeUs: this.uptimeUs(), eventSeq: this.#eventSeq, body };
  }

  /** The die has reached the trip limit: what runs fails, and nothing runs until ClearFault. Returns the fault. */
  trip(die_C: number): Fault {
    const fault = this.#overTemperature(die_C);
    const why = Number.isFinite(die_C)
      ? `the die reached ${die_C.toFixed(1)} C`
      : 'nothing is known of the die';
    const message = `${why}: outputs are in safe hold`;
    this.engine.fail(statusOf(Code.ABORTED, Detail.OVER_TEMP, message));
    return fault;
  }

  close(): void {
    this.telemetry.stop();
    this.loads.close();
    this.engine.close();
  }

  #overTemperature(die_C: number): Fault {
    const facts = { unit: 0, value: die_C, atUs: this.uptimeUs() };
    return this.faults.raise(FaultCode.OVER_TEMP, Severity.LATCHED, facts);
  }

  #memoryFault(bank: number): Fault {
    const facts = { unit: bank, value: 0, atUs: this.uptimeUs() };
    return this.faults.raise(FaultCode.MEMORY_ECC, Severity.LATCHED, facts);
  }
}

function noCounts(): LinkCounters {
  return {
    rxFrames: 0,
    rxCorrupt: 0,
    rxOversize: 0,
    rxStaleSession: 0,
    rxRejected: 0,
    rxSeqGaps: 0,
    txFrames: 0,
    txReplayBytes: 0,
  };
}
