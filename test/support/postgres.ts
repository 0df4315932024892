// A throw-away PostgreSQL for tests and benches: a cluster of its own in a temporary directory, reachable through a unix
// socket only, gone with the process that started it, however that one ends.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

const VERSIONS = '/usr/lib/postgresql';
const USER = 'thermoloop';
/** The cluster trusts everybody who reaches its socket; a password is in the URL so that tests can look for it in logs. */
export const POSTGRES_PASSWORD = 'throw-away-password';
const READY_WITHIN_MS = 30_000;
const ASK_EVERY_MS = 50;

/** The server, until its standard input ends: so it does not outlive a parent that was killed. Then its directory goes. */
const KEEPER = `
directory=$1; shift
"$@" & pid=$!
trap 'kill -QUIT $pid' INT TERM
read _
kill -QUIT $pid; wait $pid
rm -rf "$directory"
`;

export interface Postgres {
  /** Where a database of this cluster is reached; it has to be made first. */
  url(database: string): string;
  /** Makes an empty database and returns its URL; without a name, one that nobody else has. */
  create(database?: string): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Starts a cluster; takes about 2 s. Null, with the reason on standard error, where PostgreSQL is not installed.
 * @param options.fsync false for tests that say nothing about durability and write much
 */
export async function startPostgres(options: { fsync?: boolean } = {}): Promise<Postgres | null> {
  const programs = findPrograms();
  const owner = findOwner();
  if (programs === null || owner === null) {
    const reason =
      programs === null ? `no ${VERSIONS}/*/bin/postgres` : 'root, and there is no user postgres';
    process.stderr.write(`PostgreSQL is left out: ${reason}. On Debian: apt-get install postgresql\n`);
    return null;
  }
  const directory = mkdtempSync(join(tmpdir(), 'thermoloop-postgres-'));
  if (owner.uid !== undefined && owner.gid !== undefined) chownSync(directory, owner.uid, owner.gid);
  const data = join(directory, 'data');
  const made = spawnSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', USER, '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    { ...owner, cwd: directory, encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr}`);
  const settings = {
    listen_addresses: '',
    unix_socket_directories: directory,
    fsync: options.fsync === false ? 'off' : 'on',
    shared_buffers: '32MB',
    max_connections: '100',
    log_min_messages: 'fatal',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const keeper = spawn(
    '/bin/sh',
    ['-c', KEEPER, 'sh', directory, join(programs, 'postgres'), '-D', data, ...flags],
    { ...owner, cwd: directory, stdio: ['pipe', 'ignore', 'pipe'] },
  );
  const gone = once(keeper, 'exit');
  let said = '';
  keeper.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const postgres = new Cluster(directory, async () => {
    keeper.stdin.end();
    await gone;
    rmSync(directory, { recursive: true, force: true });
  });
  if (await postgres.answers()) return postgres;
  await postgres.stop();
  throw new Error(`PostgreSQL did not answer within ${READY_WITHIN_MS / 1000} s: ${said}`);
}

class Cluster implements Postgres {
  readonly #socketDirectory: string;
  readonly #end: () => Promise<void>;
  #made = 0;

  constructor(socketDirectory: string, end: () => Promise<void>) {
    this.#socketDirectory = socketDirectory;
    this.#end = end;
  }

  url(database: string): string {
    const host = encodeURIComponent(this.#socketDirectory);
    return `postgres://${USER}:${POSTGRES_PASSWORD}@localhost/${database}?host=${host}`;
  }

  async create(database = `test_${process.pid}_${++this.#made}`): Promise<string> {
    await this.#ask(`create database "${database}"`);
    return this.url(database);
  }

  /** Asks until the server answers, or for READY_WITHIN_MS. */
  async answers(): Promise<boolean> {
    for (const start = performance.now(); performance.now() - start < READY_WITHIN_MS;) {
      try {
        await this.#ask('select 1');
        return true;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
      }
    }
    return false;
  }

  stop(): Promise<void> {
    return this.#end();
  }

  async #ask(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.url('postgres') });
    client.on('error', () => {}); // said by the query as well
    try {
      await client.connect();
      await client.query(sql);
    } finally {
      await client.end();
    }
  }
}

/** The folder of the newest installed version. */
function findPrograms(): string | null {
  if (!existsSync(VERSIONS)) return null;
  const newestFirst = readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a));
  const folders = newestFirst.map((version) => join(VERSIONS, version, 'bin'));
  return folders.find((folder) => existsSync(join(folder, 'initdb'))) ?? null;
}

/** PostgreSQL refuses root: then the user postgres runs it; null when there is none. Everybody else runs it themselves. */
function findOwner(): { uid?: number; gid?: number } | null {
  if (process.getuid?.() !== 0) return {};
  const line = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  return line === null ? null : { uid: Number(line[1]), gid: Number(line[2]) };
}
