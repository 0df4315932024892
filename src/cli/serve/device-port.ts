// The port to the device of `thermoloop serve`: the one of its address, with the flight recorder around it.
import type { Clock } from '../../clock/clock.ts';
import { createCaptureDecoder } from '../../link/index.ts';
import type { LineRecorder } from '../../service/index.ts';
import {
  openPort,
  withFlightRecorder,
  type FlightRecorder,
  type Port,
  type TransportError,
} from '../../transports/index.ts';

export interface DevicePortOptions {
  url: string;
  deviceId: string;
  /** Where the last minute before a lost link goes; null: nowhere. */
  captureDir: string | null;
  /** Whether the line is kept in memory, to be frozen on request; so it is where a folder is set. */
  recorder: boolean;
  /** The time that the link goes by. */
  clock: Clock;
  /** What opening and planted delays of the line go by, where that is another time. */
  lineClock?: Clock;
  /** Put around the line itself, within any recorder. */
  around?: (port: Port) => Port;
  /** Instead of the port of the address. */
  openPort?: () => Port;
  log: (level: 'warn' | 'error', message: string, fields: object) => void;
}

export interface DevicePorts {
  /** Makes a fresh, closed port for each attempt to connect. */
  open: () => Port;
  /** Of the connection that was opened last. */
  recorder: LineRecorder;
}

export function devicePorts(options: DevicePortOptions): DevicePorts {
  const { url, deviceId, captureDir, clock, lineClock = clock, around = (port) => port, log } = options;
  let latest: FlightRecorder | null = null;
  const recorder: LineRecorder = { freeze: () => latest?.freeze() ?? null };
  const onFault = (error: TransportError): void =>
    log('error', error.message, { device: deviceId, code: error.code, remedy: error.remedy });
  const line =
    options.openPort ??
    (() =>
      openPort(url, { clock: lineClock, captureDecoder: createCaptureDecoder, onCaptureFault: onFault }));
  const open = (): Port => around(line());
  if (captureDir === null && !options.recorder) return { open, recorder };
  const onWritten = (path: string): void =>
    log('warn', 'the link was lost; what passed before is in a capture', { device: deviceId, capture: path });
  const recorded = (): Port => {
    const port = open();
    // A recording needs no other: this one is recorded as a whole already, or plays a recording.
    if (port.tap !== undefined) return port;
    return withFlightRecorder(port, {
      clock,
      folder: captureDir,
      name: deviceId,
      decoder: createCaptureDecoder,
      onStart: (started) => (latest = started),
      onWritten,
      onFault,
    });
  };
  return { open: recorded, recorder };
}
