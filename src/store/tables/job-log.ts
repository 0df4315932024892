// The log of a job: the lines of each attempt, kept with its end.
import type { JobRepository } from '../repositories.ts';
import { fromJson, type Context } from './context.ts';

export function jobLog(context: Context): Pick<JobRepository, 'addLog' | 'log'> {
  return {
    async addLog(id, attempt, lines) {
      const row = { job_id: id, attempt, lines: JSON.stringify(lines) };
      await context.db().insertInto('job_log').values(row).execute();
    },
    async log(id) {
      const rows = await context
        .db()
        .selectFrom('job_log')
        .select(['attempt', 'lines'])
        .where('job_id', '=', id)
        .orderBy('attempt')
        .execute();
      return rows.map(({ attempt, lines }) => ({ attempt, lines: fromJson(lines) }));
    },
  };
}
