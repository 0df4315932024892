// The settings of the store: which database, and where blobs lie. The URL holds a password: nothing here repeats it.
import { isAbsolute } from 'node:path';
import { ConfigError } from './settings.ts';

export interface DatabaseSettings {
  /** postgres://...; null: SQLite in the data directory. */
  database: string | null;
  /** `database` or a directory; null: files of the data directory. */
  blobs: string | null;
}

const URL_REMEDY =
  'THERMOLOOP_DATABASE_URL is postgres://USER:PASSWORD@HOST:PORT/NAME, special characters percent-encoded; without it ' +
  'the database is SQLite in the data directory.';
const BLOBS_REMEDY =
  'Set THERMOLOOP_BLOBS to "database", or to the absolute path of a directory that all hosts share.';

/** @throws {ConfigError} bad-setting */
export function databaseSettings(database: string | undefined, blobs: string | undefined): DatabaseSettings {
  if (database !== undefined) checkUrl(database);
  if (blobs !== undefined && blobs !== 'database' && !isAbsolute(blobs))
    throw new ConfigError('bad-setting', `blobs is "${blobs}"`, BLOBS_REMEDY);
  if (database !== undefined && blobs === undefined)
    throw new ConfigError(
      'bad-setting',
      'several hosts can use one PostgreSQL, but files of the data directory belong to one host',
      BLOBS_REMEDY,
    );
  return { database: database ?? null, blobs: blobs ?? null };
}

function checkUrl(text: string): void {
  const bad = (why: string): ConfigError =>
    new ConfigError('bad-setting', `the URL of the database ${why}`, URL_REMEDY);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw bad('cannot be read'); // the error of URL repeats it
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw bad('is not one of PostgreSQL');
  if (url.pathname.length < 2) throw bad('names no database');
  try {
    decodeURIComponent(`${url.username}${url.password}${url.pathname}`);
  } catch {
    throw bad('has a % that is not followed by two hex digits');
  }
}
