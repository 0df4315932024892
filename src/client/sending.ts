// One request as this client sends it: with the key, a deadline, an Idempotency-Key on a POST, and again after a pause when
// the answer says that it may succeed later. An answer that is returned is a success; everything else is thrown.
import { ClientError, errorOf } from './errors.ts';

export interface RetryPolicy {
  /** How often a request is sent at most; 1: never again. */
  attempts: number;
  /** The first pause; doubled each time, with jitter. */
  pause_s: number;
  /** No pause is longer; a service that asks for more is not waited for. */
  pauseMax_s: number;
}

export const RETRY: RetryPolicy = { attempts: 5, pause_s: 0.25, pauseMax_s: 60 };

export interface SendingOptions {
  key?: string;
  signal?: AbortSignal;
  retry: RetryPolicy;
  /** Called before every pause. */
  onRetry?: (error: ClientError, pause_s: number) => void;
  /** Instead of the platform's, for tests. */
  fetch: typeof fetch;
  pause: (seconds: number, signal: AbortSignal | undefined) => Promise<void>;
  random: () => number;
}

export interface Outgoing {
  method: string;
  url: string;
  headers: Headers;
  body?: Uint8Array<ArrayBuffer>;
  signal?: AbortSignal | null;
  /** For one attempt, until its headers have come. */
  timeout_s: number;
}

/**
 * Sends until there is a success or no hope.
 * @throws {ClientError} a problem of the service, `unreachable`
 * @throws the reason of a signal that was aborted
 */
export async function send(outgoing: Outgoing, options: SendingOptions): Promise<Response> {
  const { retry, key } = options;
  const headers = new Headers(outgoing.headers);
  if (key !== undefined && !headers.has('authorization')) headers.set('authorization', `Bearer ${key}`);
  // The same for every attempt: a POST whose answer was lost has its effect once. Routes that need none ignore it.
  if (outgoing.method === 'POST' && !headers.has('idempotency-key'))
    headers.set('idempotency-key', randomName());
  const signals = [options.signal, outgoing.signal].filter((s) => s !== undefined && s !== null);
  const stop = signals.length === 0 ? undefined : AbortSignal.any(signals);
  for (let attempt = 1; ; attempt += 1) {
    const answer = await sendOnce({ ...outgoing, headers }, stop, options.fetch);
    if (!(answer instanceof ClientError)) return answer;
    const pause_s = pauseAfter(answer, attempt, options);
    if (!answer.retryable || attempt >= retry.attempts || pause_s > retry.pauseMax_s) throw answer;
    options.onRetry?.(answer, pause_s);
    await options.pause(pause_s, stop);
  }
}

async function sendOnce(
  { method, url, headers, body, timeout_s }: Outgoing,
  stop: AbortSignal | undefined,
  doFetch: typeof fetch,
): Promise<Response | ClientError> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(`no answer within ${timeout_s} s`)), timeout_s * 1000);
  const signal = stop === undefined ? late.signal : AbortSignal.any([stop, late.signal]);
  const { pathname, origin } = new URL(url);
  try {
    const response = await doFetch(url, { method, headers, body, signal });
    return response.ok || response.status === 304
      ? response
      : await errorOf(response, `${method} ${pathname}`);
  } catch (error) {
    if (stop?.aborted) throw stop.reason;
    return new ClientError(
      {
        code: 'unreachable',
        retryable: true,
        remedy: `Check that \`thermoloop serve\` runs at ${origin}, and that the address is the right one.`,
      },
      `no answer from ${origin}: ${reasonOf(late.signal.aborted ? late.signal.reason : error)}`,
      error,
    );
  } finally {
    clearTimeout(timer);
  }
}

/** What the service asks for, or a growing pause with jitter, so that many clients do not come back at once. */
function pauseAfter({ retryAfter_s }: ClientError, attempt: number, options: SendingOptions): number {
  const { pause_s, pauseMax_s } = options.retry;
  const grown_s = Math.min(pause_s * 2 ** (attempt - 1), pauseMax_s) * (0.5 + options.random() / 2);
  return Math.max(retryAfter_s ?? 0, grown_s);
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? (cause?.message || message);
}

/** 128 random bits in hex; not crypto.randomUUID, which pages without TLS do not have. */
function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Rejects with the reason of the signal. */
export function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, seconds * 1000);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
