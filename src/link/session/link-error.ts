// The one error class of the link floor: every way in which talking to a device can fail, with what became of the
// intent (`outcome`) and what a person can do about it (`remedy`).

/** What happened to the request that failed; `unknown`: read state before repeating a non-idempotent intent. */
export type LinkOutcome = 'applied' | 'not_applied' | 'unknown';

interface CodeFacts {
  retryable: boolean;
  outcome: LinkOutcome;
  remedy: string;
}

const CODES = {
  'link-timeout': {
    retryable: true,
    outcome: 'unknown',
    remedy:
      'Read the state of the device, then repeat the request; if it persists, look at the link counters.',
  },
  'link-lost': {
    retryable: true,
    outcome: 'unknown',
    remedy: 'Check cable and power of the device, or that the twin still runs; then connect again.',
  },
  'device-rebooted': {
    retryable: true,
    outcome: 'not_applied',
    remedy: 'Connect again and load the program anew; look for the reset reason in the log of the device.',
  },
  'wrong-device': {
    retryable: false,
    outcome: 'not_applied',
    remedy: 'Another device answers on this port: correct the port or the expected device uid.',
  },
  'not-a-device': {
    retryable: true,
    outcome: 'not_applied',
    remedy: 'Check that the address names a thermoloop device and that the device is powered and booted.',
  },
  'port-busy': {
    retryable: true,
    outcome: 'not_applied',
    remedy: 'Close the other program that holds this port.',
  },
  'port-failed': {
    retryable: true,
    outcome: 'not_applied',
    remedy: 'Check the address, the cable and the permissions of the port.',
  },
  'unsupported-version': {
    retryable: false,
    outcome: 'not_applied',
    remedy: 'Update the firmware or the service: they share no protocol version.',
  },
  'schema-mismatch': {
    retryable: false,
    outcome: 'not_applied',
    remedy: 'Update the firmware or the service: they were built from different wire schemas.',
  },
  'fence-stale': {
    retryable: false,
    outcome: 'not_applied',
    remedy:
      'Another host has driven this device since it booted. A service here: stop it, or let it take a new lease by a ' +
      'restart. A tool: thermoloop doctor --take-over says hello under a newer fence.',
  },
  refused: {
    retryable: false,
    outcome: 'not_applied',
    remedy: 'The device refused the request; its message says why.',
  },
  'data-loss': {
    retryable: true,
    outcome: 'not_applied',
    remedy: 'Repeat the operation; if it persists, the memory of the device is suspect.',
  },
  cancelled: {
    retryable: true,
    outcome: 'not_applied',
    remedy: 'The caller gave up; nothing needs to be repaired.',
  },
  'run-failed': {
    retryable: true,
    outcome: 'applied',
    remedy: 'The device ended the run early; its message says why.',
  },
  'protocol-error': {
    retryable: false,
    outcome: 'unknown',
    remedy: 'Device and service disagree about the protocol: report this with the link counters.',
  },
} as const satisfies Record<string, CodeFacts>;

export type LinkErrorCode = keyof typeof CODES;

/** All codes, for tables above that must cover every one of them. */
export const linkErrorCodes = Object.keys(CODES) as LinkErrorCode[];

export interface LinkErrorOptions {
  retryable?: boolean;
  outcome?: LinkOutcome;
  remedy?: string;
  /** Canonical status code of the device (section 9), when it answered. */
  deviceCode?: number;
  /** The device's detail number (section 9). */
  detail?: number;
  cause?: unknown;
}

export class LinkError extends Error {
  override readonly name = 'LinkError';
  readonly code: LinkErrorCode;
  readonly retryable: boolean;
  readonly outcome: LinkOutcome;
  readonly remedy: string;
  readonly deviceCode?: number;
  readonly detail?: number;

  constructor(code: LinkErrorCode, message: string, options: LinkErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    const facts: CodeFacts = CODES[code];
    this.code = code;
    this.retryable = options.retryable ?? facts.retryable;
    this.outcome = options.outcome ?? facts.outcome;
    this.remedy = options.remedy ?? facts.remedy;
    this.deviceCode = options.deviceCode;
    this.detail = options.detail;
  }
}
