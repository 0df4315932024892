// The heat ledger: one row for each attempt at a job, and rows of the device itself. Sums are made by the database.
import type { ExpressionBuilder } from 'kysely';
import type { HeatEntryTable, Tables } from '../database.ts';
import type { HeatEntryRow, HeatGroup, HeatGrouping, HeatRepository, PhaseEnergy_J } from '../heat.ts';
import type { Context } from './context.ts';

const HOUR_MS = 3_600_000;
/** Owner of what no job has used. */
const DEVICE = 'device';
const NO_KEY = 'none';

export function heatRepository(context: Context): HeatRepository {
  const all = () => context.db().selectFrom('heat_entry');
  return {
    async add(entry) {
      const row: HeatEntryTable = {
        id: context.newId(),
        device: entry.device,
        backend: entry.backend,
        job_id: entry.jobId,
        attempt: entry.attempt,
        key_id: entry.keyId,
        owner: entry.jobId === null ? DEVICE : (entry.keyId ?? NO_KEY),
        ended: entry.ended,
        from_ms: Math.round(entry.from_ms),
        to_ms: Math.round(entry.to_ms),
        hour_ms: Math.floor((Math.round(entry.to_ms) - 1) / HOUR_MS) * HOUR_MS,
        at_ms: context.clock.wall_ms(),
        samples: entry.samples,
        effective_samples: entry.effectiveSamples,
        idle_joule: entry.energy_J?.idle ?? null,
        program_joule: entry.energy_J?.program ?? null,
        relax_joule: entry.energy_J?.relax ?? null,
        read_joule: entry.energy_J?.read ?? null,
        energy_reason: entry.energyReason,
        released_kt: entry.released_kT,
        absorbed_kt: entry.absorbed_kT,
        heat_reason: entry.heatReason,
        calibration: entry.calibration,
      };
      await context.db().insertInto('heat_entry').values(row).execute();
      return toRow(row);
    },
    async ofJob(jobId) {
      const rows = await all().selectAll().where('job_id', '=', jobId).orderBy('attempt').execute();
      return rows.map(toRow);
    },
    async groups({ device, by, from_ms, to_ms, keyId, after, limit }) {
      const group = GROUP[by];
      let query = all()
        .select(group)
        .select(sums)
        .where('device', '=', device)
        .where('to_ms', '>', from_ms)
        .where('to_ms', '<=', to_ms)
        .groupBy(group)
        .orderBy(group, 'desc')
        .limit(limit);
      if (by === 'job') query = query.where('job_id', 'is not', null);
      if (keyId !== undefined) query = query.where('owner', 'in', [keyId, DEVICE]);
      if (after !== undefined)
        query = query.where(group, '<', (by === 'hour' ? Number(after) : after) as never);
      return (await query.execute()).map((row) => toGroup(row[group], row));
    },
    async spent_J(keyId, since_ms) {
      const row = await all()
        .select((e) => PHASES.map((phase) => e.fn.sum(`${phase}_joule`).as(phase)))
        .where('key_id', '=', keyId)
        .where('at_ms', '>=', since_ms)
        .executeTakeFirst();
      return PHASES.reduce((sum, phase) => sum + Number(row?.[phase] ?? 0), 0);
    },
    async prune(before_ms, limit) {
      const old = all().select('id').where('at_ms', '<', before_ms).orderBy('at_ms').limit(limit);
      const gone = await context.db().deleteFrom('heat_entry').where('id', 'in', old).executeTakeFirst();
      return Number(gone.numDeletedRows);
    },
  };
}

const PHASES = ['idle', 'program', 'relax', 'read'] as const;
const GROUP = { job: 'job_id', key: 'owner', hour: 'hour_ms' } as const satisfies Record<
  HeatGrouping,
  string
>;

type Columns = ExpressionBuilder<Tables, 'heat_entry'>;

/** Numbers of jobs and of the device itself apart; a sum over no value is null. */
function sums(e: Columns) {
  const of = (what: 'jobs' | 'device', column: keyof HeatEntryTable) =>
    e
      .case()
      .when('owner', what === 'jobs' ? '!=' : '=', DEVICE)
      .then(e.ref(column))
      .end();
  const energies = (what: 'jobs' | 'device') =>
    PHASES.map((phase) => e.fn.sum(of(what, `${phase}_joule`)).as(`${what}_${phase}` as const));
  const withHeat = e.case().when('released_kt', 'is not', null).then(e.ref('samples')).else(0).end();
  const withEffective = e
    .case()
    .when('effective_samples', 'is not', null)
    .then(e.ref('samples'))
    .else(0)
    .end();
  return [
    ...energies('jobs'),
    ...energies('device'),
    e.fn.count('job_id').as('attempts'),
    e.fn.count(of('jobs', 'idle_joule')).as('measured'),
    e.fn.sum('samples').as('samples'),
    e.fn.sum('effective_samples').as('effective'),
    e.fn.sum(withEffective).as('with_effective'),
    e.fn.sum('released_kt').as('released'),
    e.fn.sum('absorbed_kt').as('absorbed'),
    e.fn.sum(withHeat).as('with_heat'),
    e.fn.count('calibration').distinct().as('calibrations'),
    e.fn.max('calibration').as('calibration'),
    e.fn.count('key_id').distinct().as('keys'),
    e.fn.max('key_id').as('key'),
  ];
}

type Sums = Readonly<Record<string, unknown>>;

const orNull = (value: unknown): number | null =>
  value === null || value === undefined ? null : Number(value);

function energyOf(row: Sums, what: 'jobs' | 'device'): PhaseEnergy_J | null {
  const value = (phase: string): number | null => orNull(row[`${what}_${phase}`]);
  const [idle, program, relax, read] = PHASES.map(value);
  return idle === null || program === null || relax === null || read === null
    ? null
    : { idle, program, relax, read };
}

function toGroup(group: unknown, row: Sums): HeatGroup {
  const samples = Number(row['samples']);
  const isKnown = samples > 0 && Number(row['with_effective']) === samples;
  return {
    group: String(group),
    keyId: Number(row['keys']) === 1 ? String(row['key']) : null,
    attempts: Number(row['attempts']),
    measured: Number(row['measured']),
    samples,
    effectiveSamples: isKnown ? orNull(row['effective']) : null,
    energy_J: energyOf(row, 'jobs'),
    deviceEnergy_J: energyOf(row, 'device'),
    released_kT: orNull(row['released']),
    absorbed_kT: orNull(row['absorbed']),
    heatSamples: Number(row['with_heat']),
    calibration: Number(row['calibrations']) === 1 ? String(row['calibration']) : null,
  };
}

function toRow(row: HeatEntryTable): HeatEntryRow {
  const { idle_joule: idle, program_joule: program, relax_joule: relax, read_joule: read } = row;
  return {
    id: row.id,
    device: row.device,
    backend: row.backend,
    jobId: row.job_id,
    attempt: row.attempt,
    keyId: row.key_id,
    ended: row.ended,
    from_ms: row.from_ms,
    to_ms: row.to_ms,
    at_ms: row.at_ms,
    samples: row.samples,
    effectiveSamples: row.effective_samples,
    energy_J:
      idle === null || program === null || relax === null || read === null
        ? null
        : { idle, program, relax, read },
    energyReason: row.energy_reason,
    released_kT: row.released_kt,
    absorbed_kT: row.absorbed_kt,
    heatReason: row.heat_reason,
    calibration: row.calibration,
  };
}
