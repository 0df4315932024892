// `thermoloop backup` and `thermoloop restore`: everything a service keeps, out of and into either database.
import type { Command } from 'commander';
import { systemClock } from '../clock/clock.ts';
import {
  StoreError,
  restoreBackup,
  writeBackup,
  type BackupManifest,
  type BackupStep,
} from '../store/index.ts';
import { createProgress, type Step } from './progress.ts';
import { placeOf, withPlace, type PlaceFlags } from './store-place.ts';

const backupExamples = `
Examples:
  thermoloop backup /backups/monday --data /var/lib/thermoloop
  THERMOLOOP_DATABASE_URL=postgres://... THERMOLOOP_BLOBS=database thermoloop backup /backups/monday

The service may go on working. A backup is a folder that is readable on its own: rows as JSON lines, blobs named by their
digest, and the keys that sign certificates, so keep it as safe as the data directory. An interrupted one is called .partial.
`;

const restoreExamples = `
Examples:
  thermoloop restore /backups/monday --data /var/lib/thermoloop
  THERMOLOOP_DATABASE_URL=postgres://... THERMOLOOP_BLOBS=database thermoloop restore /backups/monday --data /var/lib/thermoloop

Only into a data directory that is not there or empty, and a database without tables; which of the two databases made the
backup does not matter. Everything is held to its digest before anything is written.
`;

type Flags = PlaceFlags & { json?: boolean };

/** Registers both subcommands. */
export function registerBackup(program: Command): void {
  const version = (): string => program.version() ?? '';
  withPlace(
    program
      .command('backup <out>')
      .description('Copy everything a service keeps into a new folder, while it runs.'),
  )
    .option('--json', 'print the manifest as JSON')
    .addHelpText('after', backupExamples)
    .action((out: string, flags: Flags) =>
      shown(flags, 'backed up', (onProgress) =>
        writeBackup({
          from: placeOf(flags),
          to: out,
          program: version(),
          wall_ms: systemClock.wall_ms(),
          onProgress,
        }),
      ),
    );
  withPlace(
    program
      .command('restore <folder>')
      .description('Put a backup into an empty data directory, and an empty PostgreSQL if one is named.'),
  )
    .option('--json', 'print the manifest as JSON')
    .addHelpText('after', restoreExamples)
    .action((folder: string, flags: Flags) =>
      shown(flags, 'restored', (onProgress) =>
        restoreBackup({ from: folder, to: placeOf(flags), wall_ms: systemClock.wall_ms(), onProgress }),
      ),
    );
}

/** Runs the work with a bar for each of its steps. */
async function shown(
  { json = false }: Flags,
  done: string,
  work: (onProgress: (step: BackupStep, done: number, total: number) => void) => Promise<BackupManifest>,
): Promise<void> {
  const progress = createProgress({ silent: json });
  const steps = new Map<BackupStep, Step>();
  try {
    const manifest = await work((name, count, total) => {
      const step = steps.get(name) ?? progress.step(name);
      steps.set(name, step);
      step.update(count, total);
      if (count === total) step.end(String(total));
    });
    progress.close();
    process.stdout.write(json ? `${JSON.stringify(manifest)}\n` : `${summary(manifest, done)}\n`);
  } catch (error) {
    progress.close();
    if (!json || !(error instanceof StoreError)) throw error;
    const { code, message, remedy } = error;
    process.stdout.write(`${JSON.stringify({ error: { code, message, remedy } })}\n`);
    process.exitCode = 1;
  }
}

function summary({ tables, blobs, schema, createdAt }: BackupManifest, done: string): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  const megabytes = (blobs.bytes / 1e6).toFixed(1);
  return `${done}: ${rows} rows, ${blobs.count} blobs (${megabytes} MB), schema ${schema}, of ${createdAt}`;
}
