// The one error class of the calibration floor. What a device refuses or loses passes through as DeviceError.
import { describeAllowed, type Allowed } from '../physics/index.ts';

export const calibrationErrorCodes = [
  'bad-option',
  'too-few-holds',
  'no-usable-units',
  /** The device has no converter reference. */
  'no-reference',
  /** Another chip answered in the middle of it. */
  'chip-changed',
] as const;
export type CalibrationErrorCode = (typeof calibrationErrorCodes)[number];

export class CalibrationError extends Error {
  override readonly name = 'CalibrationError';
  readonly code: CalibrationErrorCode;
  readonly retryable: boolean;
  readonly remedy: string;
  /** JSON pointer into the options. */
  readonly pointer: string;
  readonly allowed?: Allowed;
  constructor(
    code: CalibrationErrorCode,
    message: string,
    details: { retryable?: boolean; remedy?: string; pointer?: string; allowed?: Allowed } = {},
  ) {
    super(message);
    this.code = code;
    this.retryable = details.retryable ?? false;
    this.pointer = details.pointer ?? '';
    this.allowed = details.allowed;
    const allowed =
      details.allowed === undefined ? undefined : `Allowed: ${describeAllowed(details.allowed)}.`;
    this.remedy = details.remedy ?? allowed ?? 'Correct the options of the calibration.';
  }
}
