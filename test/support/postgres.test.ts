import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import pg from 'pg';
import { expect, it } from 'vitest';
import { startPostgres } from './postgres.ts';
import { until } from './processes.ts';

it('a throw-away PostgreSQL answers, keeps its databases apart and leaves nothing behind', async ({
  skip,
}) => {
  const postgres = await startPostgres();
  if (postgres === null) return skip('PostgreSQL is not installed');
  const ask = async (connectionString: string, sql: string): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString });
    await client.connect();
    try {
      return (await client.query(sql)).rows as unknown[];
    } finally {
      await client.end();
    }
  };
  const [a, b] = [await postgres.create(), await postgres.create()];
  await ask(a, 'create table t (x integer)');
  await expect(ask(b, 'select * from t')).rejects.toThrow(/does not exist/);
  expect(await ask(a, 'show fsync')).toEqual([{ fsync: 'on' }]);
  await postgres.stop();
  await expect(ask(a, 'select 1')).rejects.toThrow(/ENOENT/);
});

it('a PostgreSQL whose starter was killed ends by itself', async ({ skip }) => {
  const file = new URL('postgres.ts', import.meta.url).href;
  const script = `const p = await (await import('${file}')).startPostgres(); console.log(p?.url('postgres') ?? '');`;
  const starter = spawn(
    process.execPath,
    ['--input-type=module', '-e', script + 'setInterval(() => {}, 1e6)'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [line] = (await once(starter.stdout, 'data')) as [Buffer];
  const host = new URL(line.toString().trim() || 'postgres:///').searchParams.get('host');
  starter.kill('SIGKILL');
  if (host === null) return skip('PostgreSQL is not installed');
  await until(() => !existsSync(host), 30, 'the directory of the orphan is gone');
});
