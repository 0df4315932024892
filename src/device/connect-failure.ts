// Why an attempt to connect failed or a session ended, and whether that is a device that is away or one to keep off.
import { LinkError } from '../link/index.ts';
import { TransportError } from '../transports/port.ts';
import type { Failure } from './connection.ts';
import { DeviceError } from './errors.ts';

const REFUSALS: readonly string[] = [
  'wrong-backend',
  'not-a-device',
  'wrong-device',
  'unsupported-version',
  'schema-mismatch',
  'fence-stale',
  'refused',
  'bad-url',
  'unsupported-scheme',
  'capture-unreadable',
  'capture-damaged',
  'capture-foreign',
  'capture-version',
  'capture-incomplete',
];

/** Any error of connecting, with the most telling remedy of its chain. */
export function failureOf(error: unknown): Failure {
  const cause = error instanceof LinkError && error.cause instanceof TransportError ? error.cause : error;
  if (cause instanceof LinkError || cause instanceof TransportError || cause instanceof DeviceError) {
    const refused = REFUSALS.includes(cause.code);
    return { code: cause.code, message: cause.message, remedy: cause.remedy, refused };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'internal', message, remedy: 'Report this with the log of the service.', refused: false };
}
