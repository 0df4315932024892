// Who did what. Effects write their row inside their own transaction (auditOf); refused writes of known keys are noted
// after the answer. Requests without a valid key are only logged, so that nobody can fill the disk with them.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuditRow, JsonObject } from '../../store/index.ts';
import type { ServiceContext } from '../context.ts';

const READS = ['GET', 'HEAD', 'OPTIONS'];

/** The audit row of a write that took effect. */
export function auditOf(
  request: FastifyRequest,
  action: string,
  target: string,
  detail: JsonObject = {},
): Omit<AuditRow, 'id' | 'at_ms'> {
  return {
    keyId: request.identity?.keyId ?? null,
    action,
    target,
    outcome: 'done',
    correlationId: request.id,
    detail,
  };
}

export function registerAudit(app: FastifyInstance, { store }: ServiceContext): void {
  app.decorateRequest('problemCode', null);
  app.addHook('onResponse', async (request, reply) => {
    const { identity, problemCode, method } = request;
    if (READS.includes(method) || identity === null || problemCode === null || problemCode === 'rate-limited')
      return;
    try {
      await store.audit.append({
        keyId: identity.keyId,
        action: `${method} ${request.routeOptions.url ?? request.url}`,
        target: null,
        outcome: `refused: ${problemCode}`,
        correlationId: request.id,
        detail: { status: reply.statusCode },
      });
    } catch (error) {
      request.log.error({ err: error }, 'the audit of a refused request could not be written');
    }
  });
}
