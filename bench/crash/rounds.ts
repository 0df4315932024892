// The rounds on one database: start, look whether everything acknowledged is there, load, SIGKILL at a random moment.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededUniform } from '../../test/support/seeded-random.ts';
import { check, checkEnds, Findings } from './check.ts';
import { Load } from './load.ts';
import { ask, isOk, jsonOf } from './requests.ts';
import { Service, type ServiceOptions } from './service.ts';
import { checkSampleSets } from './tables.ts';

/** The kill comes at a random moment of this long after the load has set in. */
const LOAD_MS = { least: 50, most: 2_500 };
/** Some starts are killed on their way, so that what is put right at a start is put right twice. */
const KILLED_STARTS = 0.15;
const START_MS = 1_500;
/** Results of earlier rounds that are read again after each restart; all of them are at the end. */
const OLD_RESULTS = 10;

export interface RoundsOptions {
  /** Of the twin. */
  device: string;
  folder: string;
  rounds: number;
  seed: number;
  /** postgres://..., or null for SQLite. */
  database: string | null;
  execArgv: readonly string[];
  say: (line: string) => void;
}

export interface RoundsResult {
  rounds: number;
  acknowledged: number;
  /** Jobs that succeeded, with samples and certificate read. */
  results: number;
  lost: string[];
  doubled: string[];
  unexpected: string[];
}

export async function runRounds(options: RoundsOptions): Promise<RoundsResult> {
  const { folder, seed, say, database } = options;
  const service: ServiceOptions = {
    device: options.device,
    dataDir: join(folder, 'data'),
    bootstrapKeyFile: join(folder, 'bootstrap-key'),
    environment: database === null ? {} : { THERMOLOOP_DATABASE_URL: database, THERMOLOOP_BLOBS: 'database' },
    execArgv: options.execArgv,
  };
  const key = await firstKey(service);
  const uniform = seededUniform(seed + 1);
  const findings = new Findings();
  const load = new Load({ key, seed });
  const { ledger } = load;
  load.start();
  let known = 0;
  for (let round = 1; round <= options.rounds; round++) {
    if (uniform() < KILLED_STARTS) await Service.startAndKill(service, uniform() * START_MS);
    const running = await Service.start(service);
    const { url } = running;
    await check({ url, key }, ledger, findings, someResults([...ledger.endedJobs.keys()], known, uniform));
    known = ledger.endedJobs.size;
    load.resume(url);
    await pause(LOAD_MS.least + uniform() * (LOAD_MS.most - LOAD_MS.least));
    await running.kill();
    load.pause();
    if (round % 10 === 0 || round === options.rounds)
      say(
        `round ${round}: ${ledger.acknowledged} writes acknowledged, ${ledger.endedJobs.size} jobs followed to their end, ` +
          `${findings.lost.size} lost, ${findings.doubled.size} doubled`,
      );
  }
  const last = await Service.start(service);
  load.resume(last.url);
  await load.finish();
  await check({ url: last.url, key }, ledger, findings, ledger.endedJobs.keys());
  checkEnds(ledger, findings);
  await last.stop();
  await checkSampleSets(database, service.dataDir, ledger, findings);
  return {
    rounds: options.rounds,
    acknowledged: ledger.acknowledged,
    results: [...ledger.endedJobs.values()].filter(({ samples }) => samples !== null).length,
    lost: [...findings.lost],
    doubled: [...findings.doubled],
    unexpected: ledger.unexpected,
  };
}

/** Before the rounds: an administrator's key, made with the bootstrap key, and an orderly stop. */
async function firstKey(options: ServiceOptions): Promise<string> {
  const service = await Service.start({ ...options, execArgv: [] });
  const bootstrap = readFileSync(options.bootstrapKeyFile, 'utf8').trim();
  const answer = await ask(service.url, bootstrap, {
    method: 'POST',
    path: '/v1/keys',
    body: { name: 'crash bench', role: 'admin' },
  });
  await service.stop();
  if (answer === null || !isOk(answer)) throw new Error(`no key was made: ${answer?.status ?? 'no answer'}`);
  return jsonOf<{ key: string }>(answer).key;
}

/** Those of the last round, and a few of all before. */
function someResults(ids: readonly string[], known: number, uniform: () => number): string[] {
  const old = Array.from({ length: Math.min(OLD_RESULTS, known) }, () => ids[Math.floor(uniform() * known)]);
  return [...old, ...ids.slice(known)];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
