// Requests in, replies out: each request id is executed at most once, a repeated one gets the reply it got
// (link-protocol section 8).
import { Code, decodeEnvelope, Detail, encodeEnvelope } from '../../src/link/messages/index.ts';
import type { Envelope } from '../../src/link/messages/index.ts';
import type { Boot } from './boot.ts';
import { execute, isReadOnly } from './requests.ts';
import type { Reply } from './requests.ts';
import { statusOf } from './status.ts';

/** A cached reply is at most this large; the message of its status is given up first. */
const CACHED_REPLY_BYTES_MAX = 256;

export interface RpcContext {
  boot: Boot;
  /** Sends an encoded Envelope, if the session that asked still stands. */
  send(payload: Uint8Array): void;
  reset(): void;
}

/** Handles the payload of an RPC frame. False: it is no message of this schema, or no request. */
export function handleRpc(payload: Uint8Array, context: RpcContext): boolean {
  const decoded = decodeEnvelope(payload);
  if (!decoded.ok) return false;
  const envelope = decoded.value;
  if (envelope.status !== undefined) return false; // a reply: perhaps our own, echoed by a tty
  if (envelope.requestId === 0) return handleOneWay(envelope, context);
  handleRequest(envelope, context);
  return true;
}

/** Credit needs no answer; anything else without a request id could not be answered. */
function handleOneWay(envelope: Envelope, context: RpcContext): boolean {
  if (envelope.body?.type !== 'streamCredit') return false;
  context.boot.engine.credit(envelope.body.value);
  return true;
}

function handleRequest(envelope: Envelope, context: RpcContext): void {
  const { cache } = context.boot;
  const { requestId, body } = envelope;
  const readOnly = isReadOnly(body);
  if (!readOnly) {
    const verdict = cache.judge(requestId);
    if (verdict.kind === 'executing') return;
    if (verdict.kind === 'resend') return context.send(verdict.reply);
    if (verdict.kind === 'out-of-window') {
      const message = 'a newer request took the slot of this one; what became of it is unknown';
      return context.send(
        encode(requestId, { status: statusOf(Code.OUT_OF_RANGE, Detail.OUT_OF_WINDOW, message) }),
      );
    }
    cache.begin(requestId);
  }
  const answer = (reply: Reply): void => {
    const bytes = readOnly ? encode(requestId, reply) : encodeCached(requestId, reply);
    if (!readOnly) cache.finish(requestId, bytes);
    context.send(bytes);
    reply.then?.();
  };
  const broken = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error);
    answer({ status: statusOf(Code.INTERNAL, Detail.UNSPECIFIED, message) });
  };
  try {
    const reply = execute(context.boot, body, () => context.reset());
    if (reply instanceof Promise) reply.then(answer, broken);
    else answer(reply);
  } catch (error) {
    broken(error);
  }
}

function encode(requestId: number, reply: Reply): Uint8Array {
  return encodeEnvelope({ requestId, status: reply.status, ...(reply.body && { body: reply.body }) });
}

function encodeCached(requestId: number, reply: Reply): Uint8Array {
  const bytes = encode(requestId, reply);
  if (bytes.length <= CACHED_REPLY_BYTES_MAX) return bytes;
  return encode(requestId, { ...reply, status: { ...reply.status, message: '' } });
}
