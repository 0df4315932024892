// Where the store of a service lies, for the commands that work on it beside or without the service: the settings of `serve`.
import { Option, type Command } from 'commander';
import type { StorePlace } from '../store/index.ts';
import { databaseSettings } from './serve/database-setting.ts';

export interface PlaceFlags {
  data: string;
  database?: string;
  blobs?: string;
}

/** Adds the three options. */
export function withPlace(command: Command): Command {
  return command
    .addOption(
      new Option('--data <folder>', 'data directory of the service')
        .env('THERMOLOOP_DATA')
        .default('.thermoloop'),
    )
    .addOption(
      new Option(
        '--database <url>',
        'PostgreSQL of the service; better by the variable, others see flags',
      ).env('THERMOLOOP_DATABASE_URL'),
    )
    .addOption(
      new Option('--blobs <place>', '"database" or a shared directory; with a PostgreSQL').env(
        'THERMOLOOP_BLOBS',
      ),
    );
}

/** @throws {ConfigError} bad-setting */
export function placeOf({ data, database, blobs }: PlaceFlags): StorePlace {
  const filled = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
  const settings = databaseSettings(filled(database), filled(blobs));
  return {
    dataDir: data,
    ...(settings.database !== null && { database: settings.database }),
    ...(settings.blobs !== null && { blobs: settings.blobs }),
  };
}
