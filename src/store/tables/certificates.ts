// Certificates: one signed text per job, written once.
import type { CertificateTable } from '../database.ts';
import type { CertificateRepository } from '../repositories.ts';
import type { CertificateRow } from '../rows.ts';
import { orNotFound, type Context } from './context.ts';

export function certificateRepository(context: Context): CertificateRepository {
  const find = async (jobId: string): Promise<CertificateRow | null> => {
    const all = context.db().selectFrom('certificate').selectAll();
    const row = await all.where('job_id', '=', jobId).executeTakeFirst();
    return row === undefined ? null : toRow(row);
  };
  return {
    find,
    async add({ jobId, signingKey, document }) {
      await context
        .db()
        .insertInto('certificate')
        .values({
          job_id: jobId,
          signing_key: signingKey,
          document,
          created_at_ms: context.clock.wall_ms(),
        })
        .onConflict((c) => c.column('job_id').doNothing())
        .execute();
      return orNotFound(await find(jobId), 'certificate of job', jobId);
    },
  };
}

function toRow(row: CertificateTable): CertificateRow {
  return {
    jobId: row.job_id,
    signingKey: row.signing_key,
    document: row.document,
    createdAt_ms: row.created_at_ms,
  };
}
