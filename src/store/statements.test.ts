// Statements are prepared once, however often they run, and do not outlive a change of the schema wrongly.
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeptStatements } from './statements.ts';

let database: Database.Database;
let prepared: string[];
let kept: KeptStatements;
beforeEach(() => {
  database = new Database(':memory:');
  prepared = [];
  kept = new KeptStatements({
    prepare: (sql) => {
      prepared.push(sql);
      return database.prepare(sql);
    },
    close: () => database.close(),
  });
});
afterEach(() => database.close());

const run = (sql: string, ...values: unknown[]): unknown => kept.prepare(sql).run(values);
const all = (sql: string): unknown => kept.prepare(sql).all([]);

describe('kept statements', () => {
  it('are prepared once, and run with other values each time', () => {
    run('create table t (x integer)');
    for (let x = 0; x < 5; x += 1) run('insert into t values (?)', x);
    expect(all('select count(*) as n, sum(x) as s from t')).toEqual([{ n: 5, s: 10 }]);
    expect(prepared.filter((sql) => sql.startsWith('insert'))).toHaveLength(1);
  });

  it('see a change of the schema', () => {
    run('create table t (x integer)');
    run('insert into t values (?)', 1);
    expect(all('select * from t')).toEqual([{ x: 1 }]);
    run('alter table t add column y integer default 7');
    expect(all('select * from t')).toEqual([{ x: 1, y: 7 }]);
  });

  it('are let go of when there are too many, the oldest first', () => {
    run('create table t (x integer)');
    all('select * from t');
    for (let k = 0; k < 400; k += 1) {
      all(`select ${k} as k`);
      if (k === 200) all('select * from t');
    }
    prepared.length = 0;
    all('select * from t');
    all('select 0 as k');
    expect(prepared).toEqual(['select 0 as k']);
  });

  it('can be used again after an error', () => {
    run('create table t (x integer unique)');
    run('insert into t values (?)', 1);
    expect(() => run('insert into t values (?)', 1)).toThrow(/UNIQUE/);
    run('insert into t values (?)', 2);
    expect(all('select count(*) as n from t')).toEqual([{ n: 2 }]);
  });
});
