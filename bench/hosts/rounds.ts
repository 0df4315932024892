// Rounds of load on two hosts that share a database and three twins, while one of them is killed or frozen in turn.
import pg from 'pg';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ThermoloopClient } from '../../src/client/index.ts';
import { scratch, startTwin } from '../../test/support/processes.ts';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { Host } from './host.ts';
import { Load, type AcknowledgedJob } from './load.ts';
import { Witness } from './witness.ts';

export interface RoundsOptions {
  /** An empty database. */
  database: string;
  rounds: number;
  seed: number;
  /** Of break.mjs; null: none. */
  plantedBug: string | null;
  say: (line: string) => void;
}

export interface RoundsResult {
  rounds: number;
  acknowledged: number;
  /** What was acknowledged and is not there, or not as it was; one line each. */
  lost: string[];
  /** Jobs twice for one request, or results twice for one job. */
  doubled: string[];
  staleRefused: number;
  twoDrivers: string[];
  takeovers: number;
  refusedFences: number;
  /** Runs that the twins were asked for: at least one per job. */
  runs: number;
}

const TERM_S = 2;
const DEVICES = 3;
const UNITS = 16;
const JOBS_BEFORE = 9;
const JOBS_AFTER = 3;
const ANSWERED_WITHIN_MS = 60_000;
const FROZEN_FOR_MS = (TERM_S + 1) * 1000;

const BREAK = new URL('./break.mjs', import.meta.url).href;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function runRounds(options: RoundsOptions): Promise<RoundsResult> {
  const folder = scratch();
  const ends: (() => Promise<void>)[] = [async () => folder.close()];
  try {
    const witnesses: Witness[] = [];
    for (let k = 0; k < DEVICES; k++) {
      const twin = await startTwin({ units: UNITS, seed: options.seed + k });
      ends.push(() => twin.stop());
      const { hostname, port } = new URL(String(twin.ready['url']).replace('tcp:', 'http:'));
      const witness = new Witness({ host: hostname, port: Number(port) });
      witnesses.push(witness);
      ends.push(() => witness.close());
    }
    const urls = await Promise.all(witnesses.map((witness) => witness.listen()));
    const keyFile = join(folder.path, 'bootstrap-key');
    const hosts = ['a', 'b'].map(
      (name) =>
        new Host({
          name,
          devices: urls.map((url, k) => `chip-${k}=${url}`),
          dataDir: join(folder.path, name),
          execArgv: options.plantedBug === null ? [] : ['--import', BREAK],
          environment: {
            THERMOLOOP_DATABASE_URL: options.database,
            THERMOLOOP_BLOBS: 'database',
            THERMOLOOP_HOST_ID: `host-${name}`,
            THERMOLOOP_LEASE_TERM: String(TERM_S),
            THERMOLOOP_BOOTSTRAP_KEY_FILE: keyFile,
            THERMOLOOP_RATE_LIMIT: '1000000',
            THERMOLOOP_LOG_LEVEL: 'error',
            ...(options.plantedBug !== null && { THERMOLOOP_BENCH_BREAK: options.plantedBug }),
          },
        }),
    );
    for (const host of hosts) {
      ends.push(() => host.kill());
      await host.start();
    }
    const client = await operator(hosts[0].url, keyFile);
    return await new Course(options, hosts, witnesses, client).run();
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function operator(url: string, keyFile: string): Promise<{ key: string; model: string }> {
  const first = new ThermoloopClient({ baseUrl: url, key: readFileSync(keyFile, 'utf8').trim() });
  const { key: adminKey } = await first.createKey({ name: 'bench', role: 'admin' });
  const admin = new ThermoloopClient({ baseUrl: url, key: adminKey });
  const { key } = await admin.createKey({ name: 'load', role: 'operator' });
  const couplings = Array.from({ length: UNITS * UNITS }, (_, k) =>
    k % UNITS === Math.floor(k / UNITS) ? 0 : 0.01,
  );
  const model = await new ThermoloopClient({ baseUrl: url, key }).uploadModel({ couplings });
  return { key, model };
}

class Course {
  readonly #options: RoundsOptions;
  readonly #hosts: readonly Host[];
  readonly #witnesses: readonly Witness[];
  readonly #model: string;
  readonly #load: Load;
  readonly #random: () => number;
  readonly #acknowledged: AcknowledgedJob[] = [];
  /** Digest of the samples of each job when its end was seen first. */
  readonly #seen = new Map<string, string>();
  readonly #lost: string[] = [];
  /** Out of reach now. */
  #away: Host | null = null;

  constructor(
    options: RoundsOptions,
    hosts: readonly Host[],
    witnesses: readonly Witness[],
    { key, model }: { key: string; model: string },
  ) {
    this.#options = options;
    this.#hosts = hosts;
    this.#witnesses = witnesses;
    this.#model = model;
    this.#random = seededUniform(options.seed);
    this.#load = new Load(key, () => this.#inOrder());
  }

  async run(): Promise<RoundsResult> {
    const { rounds, say } = this.#options;
    for (let round = 0; round < rounds; round++) {
      const victim = this.#hosts[Math.floor(round / 2) % this.#hosts.length];
      const isKill = round % 2 === 0;
      await this.#round(victim, isKill);
      say(
        `round ${round + 1} of ${rounds}: ${victim.name} ${isKill ? 'killed' : 'frozen'}, ` +
          `${this.#acknowledged.length} jobs acknowledged`,
      );
    }
    const stale = await Promise.all(this.#hosts.map((host) => host.staleRefused()));
    const sum = (of: (witness: Witness) => number): number =>
      this.#witnesses.map(of).reduce((a, b) => a + b, 0);
    return {
      rounds,
      acknowledged: this.#acknowledged.length,
      doubled: await this.#audit(),
      lost: this.#lost,
      staleRefused: stale.reduce((a, b) => a + b, 0),
      twoDrivers: this.#witnesses.flatMap((witness) => witness.twoDrivers),
      takeovers: sum((witness) => witness.takeovers),
      refusedFences: sum((witness) => witness.refusedFences),
      runs: sum((witness) => witness.runs),
    };
  }

  async #round(victim: Host, isKill: boolean): Promise<void> {
    const jobs = this.#submit(JOBS_BEFORE);
    await pause(100 + 900 * this.#random());
    this.#away = victim;
    if (isKill) await victim.kill();
    else victim.freeze();
    const more = this.#submit(JOBS_AFTER);
    const acknowledged = await Promise.all([...jobs, ...more]);
    this.#acknowledged.push(...acknowledged);
    if (isKill) await victim.start();
    else {
      await pause(FROZEN_FOR_MS);
      victim.thaw();
    }
    this.#away = null;
    for (const { id } of acknowledged) {
      const job = await this.#load.ended(id, ANSWERED_WITHIN_MS);
      if (job.state !== 'succeeded')
        this.#lost.push(`job ${id} ended as ${job.state}: ${job.cause ?? 'no cause'}`);
      else this.#seen.set(id, job.result?.samples.wireDigest ?? '');
    }
    // Asked every round, because a kill takes the count away.
    for (const host of this.#hosts) await host.staleRefused();
  }

  #submit(count: number): Promise<AcknowledgedJob>[] {
    return Array.from({ length: count }, () => {
      const k = this.#submitted++;
      const body = {
        model: this.#model,
        device: { id: `chip-${k % DEVICES}` },
        relax: { duration_s: 2.5e-6 },
        samples: { count: 100 + Math.floor(400 * this.#random()) },
        onUnmet: 'wait',
      };
      return this.#load.submit(k, body, ANSWERED_WITHIN_MS);
    });
  }
  #submitted = 0;

  /** Hosts in random order, without the one that is away. */
  #inOrder(): Host[] {
    const present = this.#hosts.filter((host) => host !== this.#away);
    return this.#random() < 0.5 ? present : [...present].reverse();
  }

  /** Everything again at the end, also below the service: rows are counted in the database. */
  async #audit(): Promise<string[]> {
    for (const { id, k } of this.#acknowledged) {
      const job = await this.#load.ended(id, ANSWERED_WITHIN_MS).catch((error: unknown) => String(error));
      if (typeof job === 'string') this.#lost.push(`job ${id}: ${job}`);
      else if (job.labels['k'] !== String(k)) this.#lost.push(`job ${id} is not the one of request ${k}`);
      else if (job.state === 'succeeded' && job.result?.samples.wireDigest !== this.#seen.get(id))
        this.#lost.push(`job ${id} has another result than before`);
    }
    const database = new pg.Client({ connectionString: this.#options.database });
    await database.connect();
    try {
      const twice = async (what: string, sql: string): Promise<string[]> =>
        (await database.query<{ name: string; n: string }>(sql)).rows.map(
          ({ name, n }) => `${what} ${name}: ${n} times`,
        );
      const missing = await database.query<{ id: string }>(
        `select id from job where state = 'succeeded' and id not in (select job_id from sample_set)`,
      );
      this.#lost.push(...missing.rows.map(({ id }) => `job ${id} succeeded without samples`));
      return [
        ...(await twice(
          'samples of job',
          'select job_id as name, count(*) as n from sample_set group by job_id having count(*) > 1',
        )),
        ...(await twice(
          'job of request',
          `select value as name, count(*) as n from job_label where name = 'k' group by value having count(*) > 1`,
        )),
      ];
    } finally {
      await database.end();
    }
  }
}
