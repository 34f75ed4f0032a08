// c15t's own back end over a SQLite file, as its documentation sets it up, for
// bench/choices -peer:
//
//   cd bench/peers/c15t && npm install && node server.mjs PORT FILE
//
// The file is opened as favourably as c15t's users would: WAL, and synchronous =
// NORMAL, which is less than what a choice needs to survive a power cut.
import { createServer } from 'node:http';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { c15tInstance } from '@c15t/backend';
import { kyselyAdapter } from '@c15t/backend/db/adapters/kysely';
import { migrator } from '@c15t/backend/db/migrator';
import { DB } from '@c15t/backend/db/schema';

const [port, file] = process.argv.slice(2);
const database = new Database(file);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = NORMAL');
const adapter = kyselyAdapter({ provider: 'sqlite', db: new Kysely({ dialect: new SqliteDialect({ database }) }) });
await (await migrator({ db: DB.client(adapter), schema: 'latest' })).execute();

const instance = c15tInstance({
  appName: 'bench', basePath: '/api/c15t', adapter,
  trustedOrigins: ['http://localhost:8080'], logger: { level: 'error' },
});

createServer(async (req, res) => {
  const parts = [];
  for await (const part of req) parts.push(part);
  const answer = await instance.handler(new Request(`http://127.0.0.1:${port}${req.url}`, {
    method: req.method, headers: req.headers, body: parts.length ? Buffer.concat(parts) : undefined,
  }));
  const body = Buffer.from(await answer.arrayBuffer());
  const headers = Object.fromEntries(answer.headers);
  delete headers['transfer-encoding'];
  res.writeHead(answer.status, { ...headers, 'Content-Length': body.length });
  res.end(body);
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));
