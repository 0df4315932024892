// The port to the device of `thermoloop serve`: the one of its address, with the flight recorder around it when a folder
// for captures is set.
import type { Clock } from '../../clock/clock.ts';
import { createCaptureDecoder } from '../../link/index.ts';
import { openPort, withFlightRecorder, type Port, type TransportError } from '../../transports/index.ts';

export interface DevicePortOptions {
  url: string;
  deviceId: string;
  /** Null: no flight recorder. */
  captureDir: string | null;
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

/** Makes a fresh, closed port for each attempt to connect. */
export function devicePorts(options: DevicePortOptions): () => Port {
  const { url, deviceId, captureDir, clock, lineClock = clock, around = (port) => port, log } = options;
  const onFault = (error: TransportError): void =>
    log('error', error.message, { device: deviceId, code: error.code, remedy: error.remedy });
  const line =
    options.openPort ??
    (() =>
      openPort(url, { clock: lineClock, captureDecoder: createCaptureDecoder, onCaptureFault: onFault }));
  const open = (): Port => around(line());
  if (captureDir === null) return open;
  const onWritten = (path: string): void =>
    log('warn', 'the link was lost; what passed before is in a capture', { device: deviceId, capture: path });
  return () => {
    const port = open();
    // A recording needs no other: this one is recorded as a whole already, or plays a recording.
    if (port.tap !== undefined) return port;
    const recorder = { clock, folder: captureDir, name: deviceId, decoder: createCaptureDecoder };
    return withFlightRecorder(port, { ...recorder, onWritten, onFault });
  };
}
