// Status values: how a refusal inside the firmware becomes the code, detail and sentence of a reply.
import type { CoreRefusal, CoreRefusalReason } from '../chip/analog-core.ts';
import { Code, Detail, fitText } from '../../src/link/messages/index.ts';
import type { Status } from '../../src/link/messages/index.ts';

export type Refusal = { ok: false; status: Status };
export type Outcome<T> = { ok: true; value: T } | Refusal;

export const OK_STATUS: Status = Object.freeze({
  code: Code.OK,
  detail: Detail.UNSPECIFIED,
  message: '',
  retryAfterMs: 0,
});

export function statusOf(code: Code, detail: Detail, message: string): Status {
  return { code, detail, message: fitText('Status', 'message', message), retryAfterMs: 0 };
}

/** A refusal with its reason; `message` is cut to what Status.message holds, so the number and the limit come first. */
export function refuse(code: Code, detail: Detail, message: string): Refusal {
  return { ok: false, status: statusOf(code, detail, message) };
}

export const accept = <T>(value: T): Outcome<T> => ({ ok: true, value });

const CORE_REFUSALS: Record<CoreRefusalReason, [Code, Detail]> = {
  headroom: [Code.OUT_OF_RANGE, Detail.HEADROOM],
  'noise-underflow': [Code.OUT_OF_RANGE, Detail.NOISE_UNDERFLOW],
  'unstable-step': [Code.OUT_OF_RANGE, Detail.UNSTABLE_STEP],
  'bad-program': [Code.INVALID_ARGUMENT, Detail.BAD_LAYOUT],
  'bad-schedule': [Code.INVALID_ARGUMENT, Detail.BAD_SCHEDULE],
};

/** What the analog core cannot represent, as the host sees it. */
export function statusOfCoreRefusal(refusal: CoreRefusal): Status {
  const [code, detail] = CORE_REFUSALS[refusal.reason];
  return statusOf(code, detail, refusal.message);
}
