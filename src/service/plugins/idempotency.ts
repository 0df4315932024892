// Idempotency-Key on the POSTs that create: the answer is kept for 24 h in the transaction of its effect, and given
// again to the same key, route and body (service-api section 5; decisions 15).
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IdempotencyRow, Json, Repositories } from '../../store/index.ts';
import type { ServiceContext } from '../context.ts';
import { ProblemError } from '../problems/problem.ts';
import { caller } from './authentication.ts';

const HASH_SLICE_BYTES = 2 ** 20;

export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Json;
}

/** Writes the answer beside the effect; call it inside the effect's transaction. */
export type Keep = (tx: Repositories, answer: Answer) => Promise<void>;

/** Requests that are being answered now, by key, route and Idempotency-Key. */
export class RequestsUnderWay {
  readonly #names = new Set<string>();
  async during<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#names.has(name))
      throw new ProblemError('idempotency-in-progress', 'The first request with this key is still running.', {
        retryAfter_s: 1,
      });
    this.#names.add(name);
    try {
      return await work();
    } finally {
      this.#names.delete(name);
    }
  }
}

/**
 * Runs `create` once per Idempotency-Key and sends its answer.
 * @param body what the request is compared by
 * @param conceal takes secrets out of the answer that is kept
 */
export async function answerOnce(
  context: ServiceContext & { underWay: RequestsUnderWay },
  request: FastifyRequest,
  reply: FastifyReply,
  options: { body: string | Uint8Array; conceal?(answer: Answer): Answer },
  create: (keep: Keep) => Promise<Answer>,
): Promise<FastifyReply> {
  const idempotencyKey = readHeader(request);
  if (idempotencyKey === null) return send(reply, await create(async () => {}));
  const { keyId } = caller(request);
  const route = `${request.method} ${request.routeOptions.url}`;
  const bodySha256 = await sha256OfBody(options.body);
  return context.underWay.during(`${keyId} ${route} ${idempotencyKey}`, async () => {
    const kept = await context.store.idempotency.find(keyId, route, idempotencyKey);
    if (kept !== null) return replay(reply, kept, bodySha256);
    const keep: Keep = async (tx, answer) => {
      const { status, headers, body } = options.conceal?.(answer) ?? answer;
      await tx.idempotency.add({ keyId, route, idempotencyKey, bodySha256, status, headers, body });
    };
    return send(reply, await create(keep));
  });
}

/** In slices of a millisecond: a body may have 48 MB. */
async function sha256OfBody(body: string | Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  if (typeof body === 'string') return hash.update(body).digest('hex');
  for (let at = 0; at < body.length; at += HASH_SLICE_BYTES) {
    if (at > 0) await setImmediate();
    hash.update(body.subarray(at, at + HASH_SLICE_BYTES));
  }
  return hash.digest('hex');
}

function readHeader(request: FastifyRequest): string | null {
  const value = request.headers['idempotency-key'];
  if (value === undefined) return null;
  if (typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value)) return value;
  throw new ProblemError('validation-failed', 'The Idempotency-Key is not usable.', {
    errors: [
      { parameter: 'Idempotency-Key', detail: 'not usable', allowed: '1 to 200 visible ASCII characters' },
    ],
  });
}

function replay(reply: FastifyReply, kept: IdempotencyRow, bodySha256: string): FastifyReply {
  if (kept.bodySha256 !== bodySha256)
    throw new ProblemError('idempotency-mismatch', 'The Idempotency-Key came with another body before.');
  void reply.header('idempotency-replayed', 'true');
  return send(reply, kept);
}

function send(reply: FastifyReply, { status, headers, body }: Answer): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}
