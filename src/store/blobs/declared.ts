// Hosts on one database have to mean the same place when they write a blob: it is noted in the database by the first of
// them, a shared directory by an id that lies in it, because the same path on two machines can be two disks.
import type { Kysely } from 'kysely';
import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tables } from '../database.ts';
import { StoreError, toStoreError } from '../errors.ts';
import { syncDirectory } from './files.ts';

const SETTING = 'blobs';
const ID_FILE = 'thermoloop-blobs-id';

/**
 * Compares the place with the one that other hosts use, or notes it as the first one. Call it while no other host does.
 * @param blobs `database`, or a directory that exists
 */
export async function declareBlobs(db: Kysely<Tables>, blobs: string): Promise<void> {
  const noted = await db.selectFrom('setting').select('value').where('name', '=', SETTING).executeTakeFirst();
  if (noted !== undefined) {
    const here = blobs === 'database' ? blobs : `directory ${(await readId(blobs)) ?? 'without an id'}`;
    if (noted.value === here) return;
    throw new StoreError(
      'storage-failed',
      `other hosts on this database keep their blobs elsewhere (${noted.value}), this one would in ${blobs}`,
      {
        remedy:
          'Set THERMOLOOP_BLOBS as on the other hosts; for a directory, mount the same share (it holds the ' +
          `file ${ID_FILE}).`,
      },
    );
  }
  const value = blobs === 'database' ? blobs : `directory ${(await readId(blobs)) ?? (await makeId(blobs))}`;
  await db.insertInto('setting').values({ name: SETTING, value }).execute();
}

async function readId(directory: string): Promise<string | null> {
  try {
    return (await readFile(join(directory, ID_FILE), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw toStoreError(error, `reading the id of ${directory}`);
  }
}

async function makeId(directory: string): Promise<string> {
  const id = randomBytes(16).toString('hex');
  try {
    const file = await open(join(directory, ID_FILE), 'wx', 0o644);
    try {
      await file.writeFile(`${id}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncDirectory(directory);
    return id;
  } catch (error) {
    throw toStoreError(error, `marking ${directory}`);
  }
}
