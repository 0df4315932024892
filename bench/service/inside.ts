// Preloaded into the service that is measured (node --import): counts what it syncs to the disk, and samples how long its event
// loop makes others wait. Answers over IPC; the product knows nothing of it.
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { arrivalDelays } from './loop-delay.ts';

export interface Syncs {
  /** Commits of the database that wrote something. */
  commits: number;
  /** fsync and fdatasync of files and folders. */
  files: number;
}

const counts: Syncs = { commits: 0, files: 0 };

/** A commit syncs the write-ahead log once when something has changed; so does a change outside a transaction. */
function countCommits(): void {
  interface Statement {
    run: (...values: unknown[]) => { changes: number };
    all: (...values: unknown[]) => unknown[];
  }
  interface Database {
    prepare(sql: string): Statement;
  }
  const { prototype } = createRequire(import.meta.url)('better-sqlite3') as { prototype: Database };
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const { prepare } = prototype;
  const within = new WeakMap<Database, { changed: boolean }>();
  prototype.prepare = function (this: Database, sql: string): Statement {
    const statement = prepare.call(this, sql);
    const word = /^\s*(\w+)/.exec(sql)?.[1].toLowerCase() ?? '';
    const { run, all } = statement;
    const changed = (rows: number): void => {
      const open = within.get(this);
      if (rows === 0) return;
      if (open === undefined) counts.commits += 1;
      else open.changed = true;
    };
    // Statements are kept and run again, so what counts is the run.
    if (word === 'begin')
      statement.run = (...values) => {
        within.set(this, { changed: false });
        return run.apply(statement, values);
      };
    else if (word === 'commit' || word === 'rollback')
      statement.run = (...values) => {
        if (word === 'commit' && within.get(this)?.changed === true) counts.commits += 1;
        within.delete(this);
        return run.apply(statement, values);
      };
    else if (['insert', 'update', 'delete', 'replace'].includes(word)) {
      statement.run = (...values) => {
        const result = run.apply(statement, values);
        changed(result.changes);
        return result;
      };
      statement.all = (...values) => {
        const rows = all.apply(statement, values);
        changed(rows.length);
        return rows;
      };
    }
    return statement;
  };
}

function countFileSyncs(): void {
  type Sync = (...words: unknown[]) => unknown;
  const wrap = (holder: Record<string, unknown>, names: readonly string[]): void => {
    for (const name of names) {
      const sync = holder[name] as Sync;
      holder[name] = function (this: unknown, ...words: unknown[]): unknown {
        counts.files += 1;
        return sync.apply(this, words);
      };
    }
  };
  wrap(fs, ['fsync', 'fsyncSync', 'fdatasync', 'fdatasyncSync']);
  syncBuiltinESMExports();
  void fs.promises.open(process.execPath).then(async (handle) => {
    wrap(Object.getPrototypeOf(handle) as Record<string, unknown>, ['sync', 'datasync']);
    await handle.close();
  });
}

if (isMainThread && process.send !== undefined) {
  countCommits();
  countFileSyncs();
  const loop = arrivalDelays();
  const answers: Record<string, () => unknown> = {
    syncs: () => ({ ...counts }),
    cpu: () => process.cpuUsage(),
    'loop-start': () => loop.start(),
    'loop-stop': () => loop.stop(),
  };
  process.on('message', ({ id, what }: { id: number; what: string }) =>
    process.send?.({ id, answer: answers[what]?.() ?? null }),
  );
  process.on('disconnect', () => process.exit(0));
  process.channel?.unref();
}
