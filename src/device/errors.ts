// The one error class of the device floor, and how errors from the floors below become it.
import { LinkError, type LinkErrorCode } from '../link/index.ts';
import { PhysicsError, describeAllowed, type Allowed } from '../physics/index.ts';

/** Why a device is not ready. `code` is one of the link's or transport's codes, or `wrong-backend`, `not-started`, `closed`. */
export interface DeviceReason {
  code: string;
  message: string;
  remedy: string;
}

/** What became of the operation; `unknown`: the device may have run it. */
export type DeviceOutcome = 'applied' | 'not_applied' | 'unknown';

interface CodeFacts {
  retryable: boolean;
  outcome: DeviceOutcome;
  remedy: string;
}

const CODES = {
  'device-offline': {
    retryable: true,
    outcome: 'not_applied',
    remedy:
      'Wait until the device is ready again; it is reconnected by itself. Check its cable, power or process.',
  },
  'link-lost': {
    retryable: true,
    outcome: 'unknown',
    remedy: 'Repeat the operation once the device is ready again; check its cable, power or process.',
  },
  'link-timeout': {
    retryable: true,
    outcome: 'unknown',
    remedy: 'Repeat the operation; if it persists, look at the link counters of the device.',
  },
  'wrong-backend': {
    retryable: false,
    outcome: 'not_applied',
    remedy: 'Correct the device URL, or the backend that is expected of it.',
  },
  'not-a-device': {
    retryable: false,
    outcome: 'not_applied',
    remedy: 'Check that the device URL names a thermoloop device and that it is powered and booted.',
  },
  'out-of-range': { retryable: false, outcome: 'not_applied', remedy: 'Use a value that the device allows.' },
  refused: {
    retryable: false,
    outcome: 'not_applied',
    remedy: 'The device refused the request; its message says why.',
  },
  'data-loss': {
    retryable: true,
    outcome: 'applied',
    remedy: 'Repeat the operation; if it persists, the memory or the link of the device is suspect.',
  },
  cancelled: { retryable: true, outcome: 'not_applied', remedy: 'The caller gave up; nothing needs repair.' },
  busy: {
    retryable: true,
    outcome: 'not_applied',
    remedy: 'Wait for the operation that is running, or queue behind it.',
  },
  'device-stopped': {
    retryable: false,
    outcome: 'unknown',
    remedy: 'Find out why it was stopped, then resume it (POST /v1/devices/{id}/resume).',
  },
  'schema-mismatch': {
    retryable: false,
    outcome: 'not_applied',
    remedy: 'Update the firmware or the service: they were built from different wire schemas.',
  },
  'device-fault': {
    retryable: false,
    outcome: 'unknown',
    remedy: 'Find and remove the cause that the device reports, then clear the fault.',
  },
  'device-too-hot': {
    retryable: true,
    outcome: 'unknown',
    remedy:
      'Find out why the die got so hot, let it cool, then clear the fault over-temperature; until then the device refuses to run.',
  },
} as const satisfies Record<string, CodeFacts>;

export type DeviceErrorCode = keyof typeof CODES;

/** All codes, for tables above that must cover every one of them. */
export const deviceErrorCodes = Object.keys(CODES) as DeviceErrorCode[];

export interface DeviceErrorDetails {
  retryable?: boolean;
  outcome?: DeviceOutcome;
  remedy?: string;
  /** JSON pointer into the request. */
  pointer?: string;
  allowed?: Allowed;
  /** Status code and detail of the device (docs/protocol.md), when it answered. */
  deviceCode?: number;
  detail?: number;
  cause?: unknown;
}

export class DeviceError extends Error {
  override readonly name = 'DeviceError';
  readonly code: DeviceErrorCode;
  readonly retryable: boolean;
  readonly outcome: DeviceOutcome;
  readonly remedy: string;
  readonly pointer?: string;
  readonly allowed?: Allowed;
  readonly deviceCode?: number;
  readonly detail?: number;

  constructor(code: DeviceErrorCode, message: string, details: DeviceErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    const facts: CodeFacts = CODES[code];
    this.code = code;
    this.retryable = details.retryable ?? facts.retryable;
    this.outcome = details.outcome ?? facts.outcome;
    this.remedy = details.remedy ?? facts.remedy;
    this.pointer = details.pointer;
    this.allowed = details.allowed;
    this.deviceCode = details.deviceCode;
    this.detail = details.detail;
  }
}

/** A value of the request that the device cannot take. */
export function outOfRange(pointer: string, message: string, allowed: Allowed): DeviceError {
  const remedy = `Allowed: ${describeAllowed(allowed)}.`;
  return new DeviceError('out-of-range', message, { pointer, allowed, remedy });
}

/** What an operation on a device that is not ready is answered with. */
export function notReady(id: string, refused: boolean, reason: DeviceReason): DeviceError {
  const code = refused ? (REFUSAL_CODES[reason.code] ?? 'refused') : 'device-offline';
  return new DeviceError(code, `device ${id} is not ready: ${reason.message}`, { remedy: reason.remedy });
}

const REFUSAL_CODES: Readonly<Record<string, DeviceErrorCode>> = {
  'wrong-backend': 'wrong-backend',
  'not-a-device': 'not-a-device',
  'schema-mismatch': 'schema-mismatch',
  'unsupported-version': 'schema-mismatch',
};

const LINK_CODES: Readonly<Record<LinkErrorCode, DeviceErrorCode>> = {
  'link-timeout': 'link-timeout',
  'link-lost': 'link-lost',
  'device-rebooted': 'link-lost',
  'wrong-device': 'refused',
  'not-a-device': 'not-a-device',
  'port-busy': 'device-offline',
  'port-failed': 'link-lost',
  'unsupported-version': 'schema-mismatch',
  'schema-mismatch': 'schema-mismatch',
  'fence-stale': 'refused',
  refused: 'refused',
  'data-loss': 'data-loss',
  cancelled: 'cancelled',
  'run-failed': 'refused',
  'protocol-error': 'refused',
};

/** The device's own detail numbers come in groups (docs/protocol.md, status codes). */
const HOST_SILENT = 304;
const OVER_TEMP = 501;
const NOT_REPRESENTABLE: readonly number[] = [204, 205, 206, 207, 305];
const STATUS_OUT_OF_RANGE = 11;
const NARROWED: readonly DeviceErrorCode[] = ['out-of-range', 'device-fault', 'device-too-hot'];
const isHardware = (detail: number): boolean => detail >= 500 && detail < 600;

/**
 * Failures that stay what they are when the caller cancelled meanwhile: after a loss the chip may go on until its watchdog
 * acts, and a fault of the device is news whoever gave up.
 */
export function saysMoreThanCancelled({ code }: DeviceError): boolean {
  const stays: readonly DeviceErrorCode[] = [
    'link-lost',
    'device-fault',
    'device-too-hot',
    'device-offline',
    'cancelled',
    'busy',
    'device-stopped',
  ];
  return stays.includes(code);
}

/** Any failure of an operation as the error of this floor, with what it was caused by. */
export function toDeviceError(error: unknown, id: string): DeviceError {
  if (error instanceof DeviceError) return error;
  if (error instanceof LinkError) return fromLink(error, id);
  if (error instanceof PhysicsError) return fromPhysics(error);
  const message = error instanceof Error ? error.message : String(error);
  return new DeviceError('refused', `device ${id}: ${message}`, {
    outcome: 'unknown',
    remedy: 'This is a fault of the service: report it with its log.',
    cause: error,
  });
}

function fromPhysics(error: PhysicsError): DeviceError {
  const { pointer, allowed, remedy } = error;
  // A record that does not decode came from the device; everything else came from the caller.
  const code = error.code === 'bad-record' ? 'data-loss' : 'out-of-range';
  return new DeviceError(code, error.message, { pointer, allowed, remedy, cause: error });
}

function fromLink(error: LinkError, id: string): DeviceError {
  const code = codeOfLinkError(error);
  return new DeviceError(code, `device ${id}: ${error.message}`, {
    // What was refused was not done, whatever it is called here.
    ...(error.code === 'refused' && { outcome: error.outcome }),
    // What this floor has narrowed keeps this floor's facts; for the rest the link knows better.
    ...(!NARROWED.includes(code) && { retryable: error.retryable, outcome: error.outcome }),
    deviceCode: error.deviceCode,
    detail: error.detail,
    cause: error,
  });
}

function codeOfLinkError(error: LinkError): DeviceErrorCode {
  const detail = error.detail ?? 0;
  if (error.code === 'refused' || error.code === 'run-failed') {
    if (detail === OVER_TEMP) return 'device-too-hot';
    if (isHardware(detail)) return 'device-fault';
    if (detail === HOST_SILENT) return 'link-timeout';
    if (NOT_REPRESENTABLE.includes(detail) || error.deviceCode === STATUS_OUT_OF_RANGE) return 'out-of-range';
  }
  return LINK_CODES[error.code];
}
