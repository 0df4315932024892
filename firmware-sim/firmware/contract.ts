// What the firmware needs from its board and what it offers to its ports: a clock, random bits, an analog core, an
// identity, and byte streams that come and go.
import type { AnalogCore } from '../chip/analog-core.ts';
import type { ThermalModel } from '../chip/thermal/index.ts';
import type { Capabilities, Limits } from '../../src/link/messages/index.ts';

/** The board's timer. The house's Clock fits; only differences of `now_ms` mean anything. */
export interface BoardClock {
  now_ms(): number;
  after(delay_ms: number, callback: () => void): { cancel(): void };
  /** Where time can be stopped: it stands still until the result is called, because the analog core is computing. */
  hold?(): () => void;
}

/** Who answers the handshake. */
export interface DeviceIdentity {
  /** 1 to 16 bytes, the same for every boot of this device. */
  uid: Uint8Array;
  /** At most 31 characters. */
  firmwareVersion: string;
  /** Commit of the firmware, at most 20 bytes, or empty. */
  firmwareGit: Uint8Array;
  /** True on the twin: stated in DeviceHello and nowhere else. */
  simulated: boolean;
}

/** Where the firmware writes. `write` takes all bytes; false asks to wait for `drained()`. */
export interface ByteSink {
  write(bytes: Uint8Array): boolean;
  /** The firmware is done with this stream: another one drives the device now. */
  end?(): void;
}

/** What a sensor says instead of what it measures; NaN: nothing. */
export interface SensorFaults {
  read(sensor: string, value: number): number;
}

export interface ControllerOptions {
  core: AnalogCore;
  clock: BoardClock;
  /** 32 random bits, unsigned: boot ids and session numbers. Must differ between two starts of a process. */
  random32: () => number;
  /** 64 bits for a run that carries no seed. */
  drawSeed: () => bigint;
  identity: DeviceIdentity;
  capabilities: Capabilities;
  limits: Limits;
  /** Temperature and energy of the chip, on this board's clock. Absent: a board without sensors and thermal limits. */
  thermal?: ThermalModel;
  /** Sensors that fail; absent: none ever does. */
  sensorFaults?: SensorFaults;
}

/** One byte stream to the device. Nothing is written to it before a valid HELLO came in on it. */
export interface Attachment {
  /** Takes bytes in any split; they are not kept beyond the call. */
  receive(bytes: Uint8Array): void;
  /** The sink takes bytes again. */
  drained(): void;
  /** The stream is gone. A session on it ends; images, run, ring and reply cache stay. */
  detach(): void;
}

export interface Controller {
  /** Adds a byte stream. The stream that last gave an accepted HELLO drives; the one before it is ended. */
  attach(sink: ByteSink): Attachment;
  /** Stops timers and the run; the core stays open, it belongs to the caller. */
  close(): void;
}
