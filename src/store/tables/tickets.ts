// Tickets: one use, a short life. Using one up is deleting its row, so that of several takers, on whatever host, one wins.
import type { TicketRepository } from '../repositories.ts';
import type { Context } from './context.ts';

export function ticketRepository(context: Context): TicketRepository {
  return {
    async add({ secretSha256, keyId, life_ms }) {
      const now_ms = await context.now_ms();
      // Those that nobody came for go with the next one.
      await context.db().deleteFrom('ticket').where('expires_at_ms', '<=', now_ms).execute();
      const expiresAt_ms = now_ms + life_ms;
      await context
        .db()
        .insertInto('ticket')
        .values({ secret_sha256: secretSha256, key_id: keyId, expires_at_ms: expiresAt_ms })
        .execute();
      return { secretSha256, keyId, expiresAt_ms };
    },
    async take(secretSha256) {
      const now_ms = await context.now_ms();
      const taken = await context
        .db()
        .deleteFrom('ticket')
        .where('secret_sha256', '=', secretSha256)
        .returning(['key_id', 'expires_at_ms'])
        .executeTakeFirst();
      return taken === undefined || taken.expires_at_ms <= now_ms ? null : taken.key_id;
    },
  };
}
