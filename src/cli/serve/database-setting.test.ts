import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError } from './settings.ts';
import { databaseSettings } from './database-setting.ts';

const URL = 'postgres://user:hunter2@db.example:5432/thermoloop';

describe('the settings of the store', () => {
  it('are SQLite and files when nothing is said', () => {
    expect(databaseSettings(undefined, undefined)).toEqual({ database: null, blobs: null });
  });

  it('take PostgreSQL with a place for blobs that hosts can share', () => {
    expect(databaseSettings(URL, 'database')).toEqual({ database: URL, blobs: 'database' });
    expect(databaseSettings(`${URL}?sslmode=require`, '/mnt/blobs').blobs).toBe('/mnt/blobs');
    expect(databaseSettings(undefined, '/mnt/blobs')).toEqual({ database: null, blobs: '/mnt/blobs' });
    expect(databaseSettings('postgresql:///thermoloop?host=/run/postgresql', 'database').blobs).toBe(
      'database',
    );
  });

  it.each([
    [URL, undefined, 'THERMOLOOP_BLOBS'],
    [URL, 'blobs', 'THERMOLOOP_BLOBS'],
    [URL, 'files', 'THERMOLOOP_BLOBS'],
    ['mysql://user:hunter2@db/x', 'database', 'THERMOLOOP_DATABASE_URL'],
    ['postgres://user:hunter2@db', 'database', 'THERMOLOOP_DATABASE_URL'],
    ['postgres://user:hunter2@db:port/x', 'database', 'THERMOLOOP_DATABASE_URL'],
    ['postgres://user:%hunter2@db/x', 'database', 'THERMOLOOP_DATABASE_URL'],
    ['hunter2', 'database', 'THERMOLOOP_DATABASE_URL'],
    ['postgres://user:hunter2@\u0000/x', 'database', 'THERMOLOOP_DATABASE_URL'],
  ])('refuse %j with blobs %j, and never show the password', (database, blobs, variable) => {
    let refusal: unknown;
    try {
      databaseSettings(database, blobs);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(ConfigError);
    expect((refusal as ConfigError).remedy).toContain(variable);
    expect(inspect(refusal, { depth: 9 })).not.toContain('hunter2');
  });
});
