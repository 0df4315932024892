// A bug to be found, planted with `node --import`: SQLite commits a quarter of a second after it said so. Nothing in the
// product knows of this file; the bench must report lost writes with it (`npm run bench -- crash --break late-commit`).
import Database from 'better-sqlite3';

const LATE_MS = 250;
const prepare = Database.prototype.prepare;
/** Databases in a transaction that has been called committed. */
const late = new WeakSet();

Database.prototype.prepare = function (sql) {
  const statement = prepare.call(this, sql);
  const word = String(sql).trim().toLowerCase();
  const { run, all } = statement;
  const nothing = { changes: 0, lastInsertRowid: 0 };
  // Statements are kept and run again, so what counts is the run.
  const instead =
    (real) =>
    (...values) => {
      if (word === 'commit') return real === run ? nothing : [];
      if (late.has(this)) return real === run ? nothing : [];
      late.add(this);
      setTimeout(() => {
        late.delete(this);
        if (this.open && this.inTransaction) prepare.call(this, 'commit').run();
      }, LATE_MS);
      return real.apply(statement, values);
    };
  if (word === 'begin' || word === 'commit') {
    statement.run = instead(run);
    statement.all = instead(all);
  }
  return statement;
};
