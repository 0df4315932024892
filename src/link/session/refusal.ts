// What a device's status means to the caller: one table from the codes of section 9 to LinkError.
import { Code, Detail, type Status } from '../messages/index.ts';
import { LinkError, type LinkErrorCode, type LinkErrorOptions } from './link-error.ts';

/** Refusals that the same request may survive later. */
const TRANSIENT: readonly number[] = [
  Code.RESOURCE_EXHAUSTED,
  Code.UNAVAILABLE,
  Code.ABORTED,
  Code.DEADLINE_EXCEEDED,
];

const nameIn = (table: Record<string, number>, value: number): string | undefined =>
  Object.keys(table).find((name) => table[name] === value);

/** `FAILED_PRECONDITION/BANK_BUSY: the message of the device`, with what is known of it. */
export function describeStatus(status: Status): string {
  const code = nameIn(Code, status.code) ?? `code ${status.code}`;
  const detail = status.detail === Detail.UNSPECIFIED ? undefined : nameIn(Detail, status.detail);
  const name = detail === undefined ? code : `${code}/${detail}`;
  return status.message === '' ? name : `${name}: ${status.message}`;
}

/** The error for a reply whose status is not OK; `what` names the request for people. */
export function refusal(what: string, status: Status): LinkError {
  const [code, options] = classify(status);
  return new LinkError(code, `${what} was refused: ${describeStatus(status)}`, {
    ...options,
    deviceCode: status.code,
    detail: status.detail,
  });
}

function classify(status: Status): [LinkErrorCode, LinkErrorOptions] {
  switch (status.detail) {
    case Detail.FENCE_STALE:
      return ['fence-stale', {}];
    case Detail.SCHEMA_MISMATCH:
      return ['schema-mismatch', {}];
    case Detail.UNSUPPORTED_VERSION:
      return ['unsupported-version', {}];
    case Detail.OUT_OF_WINDOW:
      return ['protocol-error', { outcome: 'unknown', retryable: true }];
    default:
      if (status.code === Code.DATA_LOSS) return ['data-loss', {}];
      return ['refused', { retryable: TRANSIENT.includes(status.code) }];
  }
}
