// One process per data directory: two writers would not see each other's queue. The lock is the operating system's,
// so a killed process leaves none behind; the file beside it only says who holds it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { tryLockFile } from './dialect-sqlite.ts';
import { StoreError } from './errors.ts';

interface Holder {
  pid: number;
  host: string;
  since: string;
}

export interface DirectoryLock {
  release(): void;
}

/** Takes the directory or fails with `locked`, naming the holder. */
export function lockDirectory(dataDir: string, wall_ms: number): DirectoryLock {
  const lock = tryLockFile(join(dataDir, 'lock'));
  const holderFile = join(dataDir, 'holder.json');
  if (lock === null) throw new StoreError('locked', `${dataDir} is in use by ${describe(holderFile)}`);
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date(wall_ms).toISOString() };
  writeFileSync(holderFile, `${JSON.stringify(holder)}\n`);
  return {
    release() {
      rmSync(holderFile, { force: true });
      lock.release();
    },
  };
}

function describe(holderFile: string): string {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(holderFile, 'utf8')) as Holder;
    return `process ${pid} on ${host} since ${since}`;
  } catch {
    return 'another process';
  }
}
