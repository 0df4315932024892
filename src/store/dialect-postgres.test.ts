// What is PostgreSQL's own: hosts that start together, a database that goes away, places of blobs, and the listener.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { POSTGRES_PASSWORD, startPostgres } from '../../test/support/postgres.ts';
import { systemClock } from '../clock/clock.ts';
import { postgresDialect } from './dialect-postgres.ts';
import { openStore, type Store } from './index.ts';
import { MIGRATIONS } from './migrations.ts';

const postgres = await startPostgres({ fsync: false });
afterAll(() => postgres?.stop());

describe.skipIf(postgres === null)('PostgreSQL (left out where it is not installed)', () => {
  const server = postgres as NonNullable<typeof postgres>;
  const closers: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  const folder = (): string => {
    const path = mkdtempSync(join(tmpdir(), 'thermoloop-postgres-test-'));
    closers.push(() => rmSync(path, { recursive: true, force: true }));
    return path;
  };
  const open = async (database: string, blobs = 'database'): Promise<Store> => {
    const store = await openStore({ dataDir: folder(), clock: systemClock, database, blobs });
    closers.push(() => store.close());
    return store;
  };
  const ask = async (database: string, text: string): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    try {
      return (await client.query(text)).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  };
  const entry = { keyId: null, action: 'a', target: null, outcome: 'ok', correlationId: null, detail: {} };

  it('is prepared once by hosts that start together', async () => {
    const database = await server.create();
    const stores = await Promise.all(Array.from({ length: 4 }, () => open(database)));
    for (const store of stores) await store.audit.append(entry);
    expect(await stores[0].audit.list()).toHaveLength(4);
    expect(await ask(database, 'select count(*)::int as n from schema_version')).toEqual([
      { n: MIGRATIONS.length },
    ]);
    expect(
      await ask(database, "select count(*)::int as n from pg_trigger where tgname like 'thermoloop%'"),
    ).toEqual([{ n: 4 }]);
  });

  it('of a newer program is refused and left as it is', async () => {
    const database = await server.create();
    await (await open(database)).check();
    await ask(database, "insert into schema_version values (99, 'from the future', 0)");
    await expect(open(database)).rejects.toMatchObject({ code: 'schema-too-new' });
  });

  it('keeps time for all hosts, to the millisecond', async () => {
    const store = await open(await server.create());
    const before = Date.now();
    const lease = await store.leases.acquire('chip-0', 'a', 1000);
    expect(Number.isInteger(lease?.fence)).toBe(true);
    expect(Math.abs(Number(lease?.fence) - before)).toBeLessThan(60_000);
  });

  it('that is not there is storage-unavailable, and the password is in no error', async () => {
    for (const database of [
      server.url('nobody-made-this'),
      `postgres://u:${POSTGRES_PASSWORD}@127.0.0.1:1/x`,
      `postgres://u:${POSTGRES_PASSWORD}@localhost/x?host=/nowhere`,
    ]) {
      const error: unknown = await open(database).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'storage-unavailable', retryable: true });
      expect(inspect(error, { depth: 9 })).not.toContain(POSTGRES_PASSWORD);
    }
  });

  it('that ends a connection is storage-unavailable for what was under way, and there again for the next', async () => {
    const database = await server.create();
    const store = await open(database);
    const cut =
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'thermoloop %'";
    const under = store.transaction(async (tx) => {
      await tx.audit.append(entry);
      await ask(database, cut);
      await tx.audit.append(entry);
    });
    await expect(under).rejects.toMatchObject({ code: 'storage-unavailable', retryable: true });
    await expect
      .poll(() =>
        store.audit.list().then(
          (rows) => rows.length,
          () => -1,
        ),
      )
      .toBe(0);
    await store.audit.append(entry);
    expect(await store.audit.list()).toHaveLength(1);
  });

  it('is listened to again after the connection was lost, and says that it was', async () => {
    const database = await server.create();
    const [one, two] = [await open(database), await open(database)];
    const heard: string[] = [];
    one.onChange(
      ({ id }) => heard.push(id),
      () => heard.push('gap'),
    );
    await two.devices.declare('a', null);
    await expect.poll(() => heard, { timeout: 20_000 }).toEqual(['a']);
    await ask(
      database,
      "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%' and pid <> pg_backend_pid()",
    );
    await expect.poll(() => heard, { timeout: 20_000 }).toEqual(['a', 'gap']);
    await two.devices.declare('b', null);
    await expect.poll(() => heard, { timeout: 20_000 }).toEqual(['a', 'gap', 'b']);
  });

  it('lets nobody wait for a host that froze inside a transaction', async () => {
    const database = await server.create();
    const store = await open(database);
    await store.devices.declare('chip-0', null);
    await store.leases.acquire('chip-0', 'a', -1);
    let freeze = (): void => undefined;
    const frozen = new Promise<void>((resolve) => (freeze = resolve));
    const stale = store
      .transaction(async (tx) => {
        const lease = await tx.leases.find('chip-0');
        await tx.leases.guard('chip-0', lease?.fence ?? 0);
        await frozen;
        await tx.audit.append(entry);
      })
      .catch((e: unknown) => e);
    const other = await open(database);
    let taken = null;
    // The first tries may be refused while the row is locked.
    await expect
      .poll(async () => (taken = await other.leases.acquire('chip-0', 'b', 60_000).catch(() => null)), {
        timeout: 40_000,
      })
      .not.toBeNull();
    expect(taken).toMatchObject({ holder: 'b' });
    freeze();
    expect(await stale).toMatchObject({ code: 'storage-unavailable' });
    expect(await other.audit.list()).toEqual([]);
  });

  it('gives the meaning of its errors', () => {
    const dialect = postgresDialect(server.url('x'));
    const of = (code: string): unknown => {
      const error = new pg.DatabaseError('x', 1, 'error');
      error.code = code;
      return dialect.classify(error);
    };
    expect(
      ['23505', '23503', '53100', '40001', '40P01', '55P03', '57P01', '53300', '25P03', '42601'].map(of),
    ).toEqual([
      'conflict',
      'conflict',
      'storage-full',
      'storage-busy',
      'storage-busy',
      'storage-busy',
      'storage-unavailable',
      'storage-unavailable',
      'storage-unavailable',
      'storage-failed',
    ]);
    expect(dialect.classify(new Error('mine'))).toBeNull();
    expect(dialect.classify('mine')).toBeNull();
  });

  describe('the place of the blobs', () => {
    it('has to be told, and to be there', async () => {
      const database = await server.create();
      await expect(openStore({ dataDir: folder(), clock: systemClock, database })).rejects.toMatchObject({
        code: 'storage-failed',
        remedy: expect.stringContaining('THERMOLOOP_BLOBS') as string,
      });
      await expect(open(database, join(folder(), 'not-mounted'))).rejects.toMatchObject({
        code: 'storage-failed',
        remedy: expect.stringContaining('Mount') as string,
      });
    });

    it('is the same for all hosts: the database', async () => {
      const database = await server.create();
      const [one, two] = [await open(database), await open(database)];
      const digest = await one.blobs.put(new Uint8Array(300_000).fill(3));
      expect(await two.blobs.get(digest)).toHaveLength(300_000);
      await expect(open(database, folder())).rejects.toMatchObject({ code: 'storage-failed' });
    });

    it('is the same for all hosts: one directory, not one path', async () => {
      const database = await server.create();
      const shared = folder();
      const one = await open(database, shared);
      const two = await open(database, shared);
      const digest = await one.blobs.put(new Uint8Array(300_000).fill(3));
      expect(await two.blobs.get(digest)).toHaveLength(300_000);
      for (const elsewhere of [folder(), 'database'])
        await expect(open(database, elsewhere)).rejects.toMatchObject({
          code: 'storage-failed',
          remedy: expect.stringContaining('as on the other hosts') as string,
        });
    });

    it('keeps what another host is writing there', async () => {
      const shared = folder();
      mkdirSync(join(shared, 'tmp'));
      writeFileSync(join(shared, 'tmp', 'of-another-host'), 'half');
      await open(await server.create(), shared);
      expect(readdirSync(join(shared, 'tmp'))).toEqual(['of-another-host']);
    });
  });

  it('heals damaged rows of a blob by the next upload, and hands none out', async () => {
    const database = await server.create();
    const store = await open(database);
    const bytes = new Uint8Array(600_000).map((_, k) => (k * 7) & 255);
    for (const damage of [
      "update blob_chunk set content = '\\x00' where place = 1",
      'delete from blob_chunk where place = 2',
      'update blob_chunk set content = set_byte(content, 5, 99) where place = 0',
    ]) {
      const digest = await store.blobs.put(bytes);
      await ask(database, damage);
      await expect(store.blobs.get(digest)).rejects.toMatchObject({ code: 'corrupt-blob' });
      await store.blobs.put(bytes);
      expect(await store.blobs.get(digest)).toEqual(bytes);
      expect(await store.blobs.read(digest, { from: 0, to: 600_000 })).toEqual(bytes);
    }
    const digest = await store.blobs.put(bytes);
    await ask(database, "update blob_chunk set content = '\\x00' where place = 1");
    await expect(store.blobs.read(digest, { from: 0, to: 300_000 })).rejects.toMatchObject({
      code: 'corrupt-blob',
    });
  });
});
