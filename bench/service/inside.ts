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

/** A commit after a write syncs the write-ahead log once; so does a write outside a transaction. */
function countCommits(): void {
  interface Database {
    prepare(sql: string): unknown;
  }
  const { prototype } = createRequire(import.meta.url)('better-sqlite3') as { prototype: Database };
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const { prepare } = prototype;
  const within = new WeakMap<Database, { wrote: boolean }>();
  prototype.prepare = function (this: Database, sql: string): unknown {
    const word = /^\s*(\w+)/.exec(sql)?.[1].toLowerCase() ?? '';
    const open = within.get(this);
    if (word === 'begin') within.set(this, { wrote: false });
    else if (word === 'commit' || word === 'rollback') {
      if (word === 'commit' && open?.wrote === true) counts.commits += 1;
      within.delete(this);
    } else if (['insert', 'update', 'delete', 'replace'].includes(word)) {
      if (open === undefined) counts.commits += 1;
      else open.wrote = true;
    }
    return prepare.call(this, sql);
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
    'loop-start': () => loop.start(),
    'loop-stop': () => loop.stop(),
  };
  process.on('message', ({ id, what }: { id: number; what: string }) =>
    process.send?.({ id, answer: answers[what]?.() ?? null }),
  );
  process.on('disconnect', () => process.exit(0));
  process.channel?.unref();
}
