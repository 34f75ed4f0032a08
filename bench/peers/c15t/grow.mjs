// Lets a database of server.mjs grow to as many consents as a site has that has run
// for a while: its first one, which a request has made, again and again, each with a
// subject of its own.
//
//   node grow.mjs FILE ROWS
import Database from 'better-sqlite3';

const [file, rows] = process.argv.slice(2);
const database = new Database(file);
const before = database.prepare('SELECT count(*) AS n FROM consent').get().n;
if (before === 0) throw new Error('let a request make a first consent: go run ./bench/choices -peer …');
const columns = (table, own) => database.pragma(`table_info(${table})`).map(({ name }) => own[name] ?? `f."${name}"`).join(', ');
const fill = (table, own) => database.prepare(`
  WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
  INSERT INTO "${table}" SELECT ${columns(table, own)} FROM n, (SELECT * FROM "${table}" LIMIT 1) AS f`).run(before, Number(rows));
database.transaction(() => {
  fill('subject', { id: "'sub_grown' || n.i" });
  fill('consent', { id: "'cns_grown' || n.i", subjectId: "'sub_grown' || n.i", givenAt: 'f.givenAt + n.i' });
})();
console.log(database.prepare('SELECT count(*) AS n FROM consent').get().n);
