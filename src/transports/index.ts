// The public face of the transports: a URL in, a closed Port out. Nothing is touched before open().
import { systemClock } from '../clock/clock.ts';
import type { Clock } from '../clock/clock.ts';
import type { CaptureDecoder } from './capture/format.ts';
import { CaptureWriter } from './capture/write.ts';
import { ChaosPort } from './chaos/chaos-port.ts';
import { OPEN_TIMEOUT_MS } from './open-attempt.ts';
import type { Port, TransportError } from './port.ts';
import { FlightRecorder, type FlightRecorderOptions } from './recorder/flight-recorder.ts';
import { RecorderPort } from './recorder/recorder-port.ts';
import { ReplayPort } from './replay/replay-port.ts';
import { SerialPort } from './serial/serial-port.ts';
import { TcpPort } from './tcp/tcp-port.ts';
import { parsePortUrl, type LineAddress, type PlainAddress, type RecordAddress } from './url.ts';

export type {
  Capture,
  CaptureDecoder,
  CaptureEvent,
  CaptureFacts,
  DecodedChannel,
  DecodedMessage,
  Direction,
} from './capture/format.ts';
export { readCapture } from './capture/read.ts';
export { CaptureWriter } from './capture/write.ts';
export { ChaosPort } from './chaos/chaos-port.ts';
export type { ChaosOptions } from './chaos/chaos-port.ts';
export type { ChaosFaults, LaneFaults } from './chaos/faults.ts';
export { gated } from './gated-port.ts';
export { createMemoryPair } from './memory/memory-port.ts';
export type { MemoryPairOptions } from './memory/memory-port.ts';
export { TransportError } from './port.ts';
export type { Port, PortCloseReason, TransportErrorCode } from './port.ts';
export type { FlightRecorder, FlightRecorderOptions } from './recorder/flight-recorder.ts';
export { RecorderPort } from './recorder/recorder-port.ts';
export { ReplayPort } from './replay/replay-port.ts';
export type { ReplayOptions } from './replay/replay-port.ts';
export type { ReturnWatch } from './serial/return-watch.ts';
export { parsePortUrl, PORT_URL_EXAMPLES } from './url.ts';
export type { PortAddress } from './url.ts';
export { watchForReturn } from './watch-for-return.ts';

export interface OpenPortOptions {
  clock?: Clock;
  openTimeout_ms?: number;
  /** Turns recorded bytes into messages for viewers; without it captures hold bytes and notes only. */
  captureDecoder?: () => CaptureDecoder;
  /** A capture was begun; it bears this name once it is whole. */
  onCaptureStart?: (path: string) => void;
  /** A capture had to be given up; the link goes on. Default: a warning of the process. */
  onCaptureFault?: (error: TransportError) => void;
}

/**
 * A closed port for `serial:///dev/...?baud=115200[&lowLatency=1]` or `tcp://host:port`, either of them behind
 * `chaos+` with `faults=` and `seed=`, all of them behind `record+` with `capture=`; or for `replay:FILE`. A Port is
 * opened once; make a new one for every connection. Throws TransportError `bad-url` or `unsupported-scheme`.
 */
export function openPort(url: string, options: OpenPortOptions = {}): Port {
  const { clock = systemClock, openTimeout_ms = OPEN_TIMEOUT_MS } = options;
  const address = parsePortUrl(url);
  switch (address.kind) {
    case 'record':
      return recordedPort(address, options);
    case 'replay': {
      const { file, speed, patience_s } = address;
      const patience_ms = patience_s === undefined ? undefined : patience_s * 1000;
      return new ReplayPort({ path: file, speed, patience_ms, clock });
    }
    default:
      return linePort(address, clock, openTimeout_ms);
  }
}

/** Everything of the port goes into `address.file`, or into one with a number where that exists. */
function recordedPort({ inner, file }: RecordAddress, options: OpenPortOptions): Port {
  const { clock = systemClock, openTimeout_ms = OPEN_TIMEOUT_MS, captureDecoder } = options;
  const onFault = options.onCaptureFault ?? warn;
  return new RecorderPort(linePort(inner, clock, openTimeout_ms), {
    clock,
    startSink(start) {
      const facts = { ...start, dropped_bytes: 0 };
      const writer = new CaptureWriter({ path: file, facts, decoder: captureDecoder?.(), onFault });
      options.onCaptureStart?.(writer.path);
      return writer;
    },
  });
}

/** Keeps the last minute of `port`, and writes it to a file when the link over it is lost. */
export function withFlightRecorder(port: Port, options: FlightRecorderOptions & { clock?: Clock }): Port {
  const { clock = systemClock } = options;
  return new RecorderPort(port, { clock, startSink: (start) => new FlightRecorder(start, options) });
}

function warn(error: TransportError): void {
  process.emitWarning(`${error.message} ${error.remedy}`, { code: error.code });
}

function linePort(address: LineAddress, clock: Clock, openTimeout_ms: number): Port {
  if (address.kind !== 'chaos') return plainPort(address, clock, openTimeout_ms);
  const { inner, faults, seed } = address;
  return new ChaosPort(plainPort(inner, clock, openTimeout_ms), { faults, seed, clock });
}

function plainPort(address: PlainAddress, clock: Clock, openTimeout_ms: number): Port {
  switch (address.kind) {
    case 'serial':
      return new SerialPort({ ...address, clock, openTimeout_ms });
    case 'tcp':
      return new TcpPort({ ...address, clock, openTimeout_ms });
  }
}

/** Whether an address plants faults into its line: what its device does then is no measure of the device. */
export function hasPlantedFaults(url: string): boolean {
  return /^(record\+)?chaos\+/i.test(url);
}
