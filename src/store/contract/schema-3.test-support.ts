// A data directory as schema 3 left it, for tests of what must outlive everything: made by the migrations of then, with rows as
// the program of then wrote them.
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MIGRATIONS, migrate } from '../migrations.ts';
import { encodeModelContent } from '../model-content.ts';

/** Two jobs that succeeded under schema 3: one with a certificate, one that nobody has asked for its own yet. */
export const KEPT_JOBS = ['01M8740000000000000000000A', '01M8740000000000000000000B'] as const;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Makes a data directory with the migrations of schema 3 alone, and rows as the program of then wrote them. */
export async function makeSchema3(dataDir: string): Promise<void> {
  mkdirSync(join(dataDir, 'blobs', 'tmp'), { recursive: true });
  const database = new Database(join(dataDir, 'thermoloop.db'));
  const db = new Kysely<never>({ dialect: new SqliteDialect({ database }) });
  await migrate(db as never, () => 1, MIGRATIONS.slice(0, 3));
  const insert = (table: string, row: object): void => {
    const names = Object.keys(row);
    const sql = `insert into ${table} (${names.join()}) values (${names.map((name) => `@${name}`).join()})`;
    database.prepare(sql).run(row);
  };
  const blob = (bytes: Uint8Array): string => {
    const hex = sha256(bytes);
    mkdirSync(join(dataDir, 'blobs', hex.slice(0, 2)), { recursive: true });
    writeFileSync(join(dataDir, 'blobs', hex.slice(0, 2), hex), bytes);
    return `sha256:${hex}`;
  };
  const content = encodeModelContent({
    units: 3,
    couplings: Float64Array.of(0, 0.1, 0.2, 0.1, 0, 0.3, 0.2, 0.3, 0),
    biases: new Float64Array(3),
    j2: Float64Array.of(1, 1, 1),
    j4: Float64Array.of(1, 1, 1),
    noiseTemperature_E0: 0.1,
  });
  const model = blob(content);
  insert('model', {
    id: '01M8740000000000000000000M',
    digest: model,
    name: 'ünï "x"',
    units: 3,
    blob: model,
    bytes: content.length,
    metadata: '{"a":"\\u2028"}',
    key_id: null,
    created_at_ms: 1_700_000_000_000,
  });
  KEPT_JOBS.forEach((id, k) => {
    const codes = Int16Array.from({ length: 4 * 2 * 3 }, (_, i) => ((i * 977 + k) % 4095) - 2047);
    const heat = Float64Array.of(0.1, -1.5, 2, 1 / 3);
    const samples = blob(new Uint8Array(codes.buffer));
    const heatBlob = blob(new Uint8Array(heat.buffer));
    const reads = [
      { time_s: 0, label: 'switch-on' },
      { time_s: 2.5e-6, label: 'read' },
    ];
    insert('job', jobRow(id, model, { samples, heat: heatBlob, reads }));
    insert('job_label', { job_id: id, name: 'run', value: 'A17' });
    insert('sample_set', {
      id: `${id.slice(0, -1)}S`.replace('S', k === 0 ? 'S' : 'T'),
      job_id: id,
      device: 'chip-0',
      backend: 'twin',
      model,
      blob: samples,
      bytes: codes.byteLength,
      samples: 4,
      units: 3,
      reads: JSON.stringify(reads),
      state_scale: 2 ** -10,
      heat_blob: heatBlob,
      created_at_ms: 1_700_000_002_000,
    });
  });
  insert('certificate', {
    job_id: KEPT_JOBS[0],
    signing_key: 'tck_old',
    document: '{"of":"then","ü":1}\n',
    created_at_ms: 1_700_000_003_000,
  });
  insert('audit', {
    id: '01M8740000000000000000000U',
    at_ms: 1_700_000_000_000,
    key_id: 'k',
    action: 'job.submit',
    target: KEPT_JOBS[0],
    outcome: 'done',
    correlation_id: null,
    detail: '{}',
  });
  await db.destroy();
}

function jobRow(
  id: string,
  model: string,
  of: { samples: string; heat: string; reads: { time_s: number; label: string }[] },
): object {
  const result = {
    samples: {
      shape: [4, 2, 3],
      dtype: 'int16',
      reads: of.reads,
      stateScale: 2 ** -10,
      blob: of.samples,
      bytes: 48,
      wireDigest: 'bb',
    },
    heat: { mean_kT: 0.2, sd_kT: 1, stderr_kT: 0.5, n: 4, until_s: 2.5e-6, blob: of.heat },
    heatReason: null,
    timing: { upload_s: 0.1, relax_s: 0.2, total_s: 0.3, sentBytes: 100, skippedUpload: false },
    provenance: {
      device: 'chip-0',
      deviceUid: 'cafe',
      backend: 'twin',
      bootId: '1',
      firmware: '0.1',
      schemaHash: '2',
      model,
      programDigest: 'aa',
      seed: '18446744073709551615',
      step_s: 1e-9,
      fastMode: false,
      noiseTemperature_ratio: 1,
      noiseTemperature_E0: 0.1,
      calibration: null,
    },
  };
  const attempt = {
    startedAt_ms: 1_700_000_001_000,
    finishedAt_ms: 1_700_000_002_000,
    state: 'succeeded',
    cause: null,
  };
  return {
    id,
    device: 'chip-0',
    state: 'succeeded',
    cause: null,
    failure: null,
    priority: 0,
    key_id: null,
    revision: 3,
    created_at_ms: 1_700_000_000_500,
    started_at_ms: attempt.startedAt_ms,
    finished_at_ms: attempt.finishedAt_ms,
    phase: null,
    model,
    request: JSON.stringify({ mode: 'relax', model, labels: { run: 'A17' } }),
    result: JSON.stringify(result),
    labels: '{"run":"A17"}',
    attempts: JSON.stringify([attempt]),
    samples_blob: of.samples,
  };
}
