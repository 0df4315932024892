// What the client throws: a problem document (RFC 9457) of the service as an error, or that nobody answered.

/** A problem document as the service sends it; more members may come with a code (docs/problems.md). */
export interface Problem {
  code: string;
  title: string;
  status: number;
  detail?: string;
  remedy?: string;
  retryable?: boolean;
  retryAfter_s?: number;
  outcome?: 'applied' | 'not_applied' | 'unknown';
  errors?: { pointer?: string; parameter?: string; detail: string; allowed?: unknown }[];
  correlationId?: string;
  [member: string]: unknown;
}

/**
 * The service refused, or could not be reached; `remedy` says what to do. Codes beside those of docs/problems.md:
 * `unreachable` (nobody answered), `http-NNN` (an answer that is no problem document), `damaged-download`,
 * `secret-lost`, `wait-timeout`.
 */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: string;
  readonly remedy: string;
  /** The same request may succeed later. */
  readonly retryable: boolean;
  /** Seconds that the service asked to wait; null when it did not say. */
  readonly retryAfter_s: number | null;
  /** HTTP status; null without an answer. */
  readonly status: number | null;
  /** Everything that the service said; null without an answer. */
  readonly problem: Problem | null;

  constructor(problem: Partial<Problem> & { code: string }, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = problem.code;
    this.remedy = problem.remedy ?? '';
    this.retryable = problem.retryable ?? false;
    this.retryAfter_s = problem.retryAfter_s ?? null;
    this.status = problem.status ?? null;
    this.problem = problem.status === undefined ? null : (problem as Problem);
  }
}

/** The error of an answer that is not a success. Reads its body. */
export async function errorOf(response: Response, request: string): Promise<ClientError> {
  const body: unknown = await response.json().catch(() => null);
  const problem = (typeof body === 'object' && body !== null ? body : {}) as Partial<Problem>;
  const code = typeof problem.code === 'string' ? problem.code : `http-${response.status}`;
  const said = problem.detail ?? problem.title ?? code;
  // The header is all there is when something between client and service answers.
  const header = Number(response.headers.get('retry-after') ?? NaN);
  const retryAfter_s = problem.retryAfter_s ?? (Number.isFinite(header) ? header : undefined);
  const retryable = problem.retryable ?? [429, 502, 503, 504].includes(response.status);
  const known = { ...problem, code, status: response.status, retryable, retryAfter_s };
  return new ClientError(known, `${request}: ${said}${placesOf(problem)}`);
}

function placesOf({ errors }: Partial<Problem>): string {
  if (!Array.isArray(errors) || errors.length === 0) return '';
  const places = errors.map(({ pointer, parameter, detail, allowed }) => {
    const range = allowed === undefined ? '' : `, allowed: ${textOf(allowed)}`;
    return `${pointer ?? parameter ?? 'body'} ${detail}${range}`;
  });
  return ` (${places.join('; ')})`;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
