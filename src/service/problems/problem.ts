// A problem on its way to the client: the error that routes throw, and the RFC 9457 document made from it.
import { problemTable, type ProblemCode } from './table.ts';

export const PROBLEM_CONTENT_TYPE = 'application/problem+json; charset=utf-8';

/** One place that is wrong: a JSON Pointer into the body, or the name of a query, path or header parameter. */
export interface ProblemPlace {
  pointer?: string;
  parameter?: string;
  detail: string;
  allowed?: unknown;
}

export interface ProblemExtras {
  errors?: ProblemPlace[];
  /** When to try again; also sent as Retry-After. */
  retryAfter_s?: number;
  /** Of requirement-unmet: what was measured of everything that the job requires. */
  measured?: readonly object[];
  /** Overrides the table where the lower floor knows better. */
  retryable?: boolean;
  remedy?: string;
  /** Whether a command reached the device. */
  outcome?: 'applied' | 'not_applied' | 'unknown';
  device?: string;
  backend?: string | null;
  job?: string;
  requiredScope?: string;
  accepted?: string[];
  offered?: string[];
  allowedMethods?: string[];
  limit_bytes?: number;
  /** Of the version that is there now, as If-Match takes it. */
  currentEtag?: string;
  length_bytes?: number;
}

/** The one error class of the service floor; its code is a row of the table. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly statusCode: number;
  readonly retryable: boolean;
  readonly remedy: string;
  readonly extras: ProblemExtras;
  constructor(code: ProblemCode, detail: string, extras: ProblemExtras & { cause?: unknown } = {}) {
    const { cause, ...rest } = extras;
    super(detail, cause === undefined ? undefined : { cause });
    this.code = code;
    this.statusCode = problemTable[code].status;
    this.retryable = rest.retryable ?? problemTable[code].retryable;
    this.remedy = rest.remedy ?? problemTable[code].remedy;
    this.extras = rest;
  }
}

export type ProblemDocument = ProblemExtras & {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ProblemCode;
  retryable: boolean;
  remedy: string;
  docs: string;
  correlationId: string;
};

/** The document of RFC 9457. Details of an internal error stay in the log. */
export function problemDocument(
  problem: ProblemError,
  at: { instance: string; correlationId: string },
): ProblemDocument {
  const { title, status } = problemTable[problem.code];
  return {
    type: `/problems/${problem.code}`,
    title,
    status,
    detail: problem.message,
    instance: at.instance,
    code: problem.code,
    ...problem.extras,
    retryable: problem.retryable,
    remedy: problem.remedy,
    docs: `/problems/${problem.code}`,
    correlationId: at.correlationId,
  };
}
