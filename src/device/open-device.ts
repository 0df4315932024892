// A Device from its URL, with the real clock and the real random source: the edge that services and commands use.
import { randomBytes } from 'node:crypto';
import { systemClock } from '../clock/clock.ts';
import { createCaptureDecoder } from '../link/index.ts';
import {
  openPort as openLine,
  parsePortUrl,
  watchForReturn,
  type Port,
  type ReturnWatch,
  type TransportError,
} from '../transports/index.ts';
import { Device } from './device.ts';
import type { DeviceOptions } from './types.ts';

export type OpenDeviceOptions = Pick<
  DeviceOptions,
  'id' | 'url' | 'expectBackend' | 'hostVersion' | 'onLog'
> &
  Partial<Pick<DeviceOptions, 'clock' | 'random32'>>;

/**
 * A Device behind `serial://`, `tcp://` or `replay:`; nothing is opened before its start().
 * @throws {TransportError} bad-url, unsupported-scheme: a mistake in the configuration shows at once
 */
export function openDevice(options: OpenDeviceOptions): Device {
  const { clock = systemClock, random32 = (): number => randomBytes(4).readUInt32LE() } = options;
  parsePortUrl(options.url);
  const onCaptureFault = (error: TransportError): void =>
    options.onLog?.('error', error.message, { code: error.code, remedy: error.remedy });
  const ports = { clock, captureDecoder: createCaptureDecoder, onCaptureFault };
  const openPort = (): Port => openLine(options.url, ports);
  const onReturn = (callback: () => void): ReturnWatch => watchForReturn(options.url, callback);
  return new Device({ ...options, clock, random32, openPort, watchForReturn: onReturn });
}
