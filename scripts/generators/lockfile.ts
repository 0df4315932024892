// npm starts an implicit `node-gyp rebuild` for every package that ships a binding.gyp, also where a prebuilt binary
// lies beside it, and that fails on a machine without compiler and Python. `gypfile: false` in the lock entry is what
// npm 10 and 11 both honour; npm drops it whenever it rewrites the lock file, so it is treated as generated.
import { readFile } from 'node:fs/promises';

const prebuilt = ['node_modules/better-sqlite3'];

export async function outputs(): Promise<Map<string, string>> {
  const lock = JSON.parse(await readFile('package-lock.json', 'utf8')) as {
    packages: Record<string, Record<string, unknown>>;
  };
  for (const path of prebuilt) lock.packages[path]['gypfile'] = false;
  return new Map([['package-lock.json', `${JSON.stringify(lock, null, 2)}\n`]]);
}
