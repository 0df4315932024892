// What a device announces before bytes flow, held against what was asked of it: a size that cannot be true must not decide
// how much memory the host takes, nor a number that no frame can carry stop a load halfway.
import type { Limits, RunAccepted } from '../messages/index.ts';
import { LinkError } from '../session/link-error.ts';
import { HEADER_BYTES, GAP_RECORD_BYTES_MIN } from './record-headers.ts';
import type { RunOrder } from './run-order.ts';

const CODE_PAIR_BYTES = 3;
const U16_MAX = 0xffff;

/** Bytes of the whole run if no sample is lost. Throws LinkError `protocol-error` when the announced sizes do not follow from the request. */
export function announcedBytes(accepted: RunAccepted, order: RunOrder, limits: Limits): number {
  const total = Number(accepted.totalBytes);
  const { recordBytes } = accepted;
  if (total !== recordBytes * order.samples) {
    const message = `the device announces ${total} bytes for ${order.samples} records of ${recordBytes}`;
    throw new LinkError('protocol-error', message);
  }
  const headerBytes = order.recordHeader ? HEADER_BYTES : 0;
  const most = headerBytes + order.readsMax * CODE_PAIR_BYTES * Math.ceil(limits.units / 2);
  if (recordBytes > most) {
    const message = `the device announces records of ${recordBytes} bytes, where the schedule allows ${most}`;
    throw new LinkError('protocol-error', message);
  }
  const least = order.onFull === 'drop-with-gap' ? GAP_RECORD_BYTES_MIN : headerBytes;
  if (recordBytes < least) {
    const message = `the device announces records of ${recordBytes} bytes, where a header needs ${least}`;
    throw new LinkError('protocol-error', message);
  }
  return total;
}

/** The number that CHUNK frames carry. Throws LinkError `protocol-error` when it does not fit them. */
export function announcedTransfer(transfer: number): number {
  if (transfer > 0 && transfer <= U16_MAX) return transfer;
  throw new LinkError(
    'protocol-error',
    `the device names the transfer ${transfer}, which no frame can carry`,
  );
}
