// What a data directory does when it is held, newer, full or damaged. SQLite only: it looks below the public face.
import Database from 'better-sqlite3';
import { Kysely } from 'kysely';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock/clock.ts';
import type { Tables } from './database.ts';
import { sqliteDialect } from './dialect-sqlite.ts';
import { openStore } from './index.ts';
import { MIGRATIONS, migrate } from './migrations.ts';

let dataDir: string;
const open = () => openStore({ dataDir, clock: systemClock });
const databaseFile = (): string => join(dataDir, 'thermoloop.db');
const blobFile = (digest: string): string => join(dataDir, 'blobs', digest.slice(7, 9), digest.slice(7));

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'thermoloop-store-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('a data directory', () => {
  it('belongs to one process, and says to which', async () => {
    const store = await open();
    await expect(open()).rejects.toMatchObject({
      code: 'locked',
      retryable: true,
      message: expect.stringContaining(`process ${process.pid} on `) as string,
      remedy: expect.stringContaining('--data-dir') as string,
    });
    await store.close();
    await (await open()).close();
  });

  it('commits to the disk, not to the cache of the system', async () => {
    const { database } = sqliteDialect(databaseFile());
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(database.pragma('synchronous', { simple: true })).toBe(2);
    expect(database.pragma('foreign_keys', { simple: true })).toBe(1);
    database.close();
  });

  it('of a newer program is refused and left as it is', async () => {
    await (await open()).close();
    const database = new Database(databaseFile());
    database.prepare('insert into schema_version values (?, ?, ?)').run(99, 'from the future', 0);
    database.close();
    await expect(open()).rejects.toMatchObject({
      code: 'schema-too-new',
      remedy: expect.stringContaining('version') as string,
    });
    // The refusal has let go of the directory.
    await expect(open()).rejects.toMatchObject({ code: 'schema-too-new' });
  });

  it('that is no database is a named error', async () => {
    writeFileSync(
      databaseFile(),
      'this is not a database, but it is long enough to be read as one'.repeat(20),
    );
    await expect(open()).rejects.toMatchObject({ code: 'storage-failed' });
  });

  it('that cannot be made is a named error', async () => {
    writeFileSync(join(dataDir, 'file'), '');
    const under = join(dataDir, 'file', 'data');
    await expect(openStore({ dataDir: under, clock: systemClock })).rejects.toMatchObject({
      code: 'storage-failed',
    });
  });
});

describe('migrations', () => {
  const withDatabase = async <T>(work: (db: Kysely<Tables>) => Promise<T>): Promise<T> => {
    const db = new Kysely<Tables>({ dialect: sqliteDialect(databaseFile()).kysely });
    try {
      return await work(db);
    } finally {
      await db.destroy();
    }
  };

  it('apply what is missing, once', async () => {
    const extra = {
      name: 'second',
      up: (db: Kysely<unknown>) => db.schema.createTable('extra').addColumn('a', 'text').execute(),
    };
    await withDatabase(async (db) => {
      expect(await migrate(db, () => 1)).toEqual({ from: 0, to: MIGRATIONS.length });
      expect(await migrate(db, () => 2)).toEqual({ from: MIGRATIONS.length, to: MIGRATIONS.length });
      expect(await migrate(db, () => 3, [...MIGRATIONS, extra])).toMatchObject({
        from: MIGRATIONS.length,
        to: MIGRATIONS.length + 1,
      });
    });
  });

  it('that fail leave nothing behind', async () => {
    const broken = {
      name: 'broken',
      async up(db: Kysely<unknown>) {
        await db.schema.createTable('half').addColumn('a', 'text').execute();
        throw new Error('stop');
      },
    };
    await withDatabase(async (db) => {
      await expect(migrate(db, () => 1, [...MIGRATIONS, broken])).rejects.toThrow('stop');
      expect(await migrate(db, () => 2)).toEqual({ from: MIGRATIONS.length, to: MIGRATIONS.length });
      expect((await db.introspection.getTables()).map((t) => t.name)).not.toContain('half');
    });
  });
});

describe('a full database', () => {
  it('refuses the write as storage-full, keeps what was there, and works again with room', async () => {
    const store = await open();
    const entry = (detail: string) =>
      store.audit.append({
        keyId: null,
        action: 'a',
        target: null,
        outcome: 'ok',
        correlationId: null,
        detail: { detail },
      });
    await entry('before');
    await store.close();
    const file = sqliteDialect(databaseFile());
    const pages = Number(file.database.pragma('page_count', { simple: true }));
    file.database.pragma(`max_page_count = ${pages}`);
    const db = new Kysely<Tables>({ dialect: file.kysely });
    const insert = (size: number) =>
      db.transaction().execute((tx) =>
        tx
          .insertInto('audit')
          .values({
            id: 'x',
            at_ms: 0,
            key_id: null,
            action: 'a',
            target: null,
            outcome: 'ok',
            correlation_id: null,
            detail: JSON.stringify('x'.repeat(size)),
          })
          .execute(),
      );
    const error: unknown = await insert(1_000_000).catch((e: unknown) => e);
    expect(file.classify(error)).toBe('storage-full');
    file.database.pragma('max_page_count = 1000000');
    await insert(1_000_000);
    await db.destroy();
    const again = await open();
    expect(await again.audit.list()).toHaveLength(2);
    await again.close();
  });
});

describe('blobs as files', () => {
  const bytes = new Uint8Array(100_000).map((_, k) => (k * 31) & 255);

  it('that are damaged are never handed out, and healed by the next upload', async () => {
    const store = await open();
    const digest = await store.blobs.put(bytes);
    truncateSync(blobFile(digest), 99_999);
    await expect(store.blobs.get(digest)).rejects.toMatchObject({ code: 'corrupt-blob', retryable: false });
    expect(await store.blobs.get(digest, { verify: false })).toHaveLength(99_999);
    const flipped = Uint8Array.from(bytes);
    flipped[50] ^= 1;
    writeFileSync(blobFile(digest), flipped);
    await expect(store.blobs.get(digest)).rejects.toMatchObject({ code: 'corrupt-blob' });
    await store.blobs.put(bytes);
    expect(await store.blobs.get(digest)).toEqual(bytes);
    await store.close();
  });

  it('that a crash left half-written are removed at the next open', async () => {
    const store = await open();
    const digest = await store.blobs.put(bytes);
    await store.close();
    const left = join(dataDir, 'blobs', 'tmp', 'left');
    writeFileSync(left, bytes.subarray(0, 10));
    const again = await open();
    expect(existsSync(left)).toBe(false);
    expect(new Uint8Array(readFileSync(blobFile(digest)))).toEqual(bytes);
    await again.close();
  });
});
