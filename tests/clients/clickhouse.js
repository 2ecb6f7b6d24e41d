// Uses ClickHouse's HTTP interface by the official client for Node.
//
// The variables CLICKHOUSE_URL, CLICKHOUSE_USER and CLICKHOUSE_PASSWORD say where and as whom, the
// argument whether with compression. It prints what the programs of all clients print.
'use strict';

const { Readable } = require('node:stream');

const { ClickHouseLogLevel, createClient } = require('@clickhouse/client');

const ROWS = 20_000;
const compressed = process.argv[2] === 'compressed';

const client = createClient({
  url: process.env.CLICKHOUSE_URL,
  username: process.env.CLICKHOUSE_USER,
  password: process.env.CLICKHOUSE_PASSWORD,
  database: 'telemetry',
  log: { level: ClickHouseLogLevel.OFF },
  compression: { request: compressed, response: compressed },
});

const print = (...words) => console.log(words.join(' '));

/** The code of the exception that `attempt` ends in. */
async function codeOf(attempt) {
  try {
    await attempt();
  } catch (error) {
    return error.code ?? error.message;
  }
  return 'none';
}

async function query(sql, options = {}) {
  const result = await client.query({ query: sql, format: 'JSONEachRow', ...options });
  return result.json();
}

async function* rows() {
  for (let id = 0; id < ROWS; id++) {
    yield {
      id,
      name: `pear's ${id}`,
      price: id / 2,
      tags: ['a', 'ü'],
      picked: '2026-01-02 03:04:05.678',
      note: id % 2 ? null : 'ripe',
      attributes: { k: String(id) },
    };
  }
}

async function streamed(sql, settings = {}) {
  const result = await client.query({
    query: sql,
    format: 'JSONCompactEachRow',
    clickhouse_settings: settings,
  });
  let count = 0;
  for await (const some of result.stream()) count += some.length;
  return count;
}

async function main() {
  if (!(await client.ping()).success) throw new Error('there is no answer to a ping');
  await client.command({ query: 'DROP TABLE IF EXISTS fruit' });
  await client.command({
    query: `CREATE TABLE fruit (id UInt32, name String, price Float64, tags Array(String),
      picked DateTime64(3, 'UTC'), note Nullable(String), attributes Map(String, String))
      ENGINE = MergeTree ORDER BY id`,
  });
  const inserted = await client.insert({
    table: 'fruit',
    values: Readable.from(rows()),
    format: 'JSONEachRow',
  });
  print('written', inserted.summary.written_rows);

  const found = await query(
    `SELECT * FROM fruit WHERE id >= {low:UInt32} AND name <= {name:String} ORDER BY id LIMIT 2`,
    { query_params: { low: 2, name: "pear's 3" } },
  );
  for (const row of found) {
    const moment = row.picked.replace(' ', 'T');
    const { id, name, price, tags, note, attributes } = row;
    print([id, name, price.toFixed(1), tags, moment, String(note), attributes.k].join('|'));
  }
  const [{ sum, count }] = await query('SELECT sum(id) AS sum, count() AS count FROM fruit');
  print('sum', sum, count);

  print('streamed', await streamed('SELECT number FROM numbers(2000000)'));
  print('missing table', await codeOf(() => query('SELECT * FROM nowhere')));
  print('syntax', await codeOf(() => query('SELECT (1')));
  const set = { clickhouse_settings: { max_threads: 1 } };
  const [{ threads }] = await query("SELECT getSetting('max_threads') AS threads", set);
  print('setting', threads);
  const halfway = 'SELECT throwIf(number = 1500000), number FROM numbers(2000000)';
  print('half-way', await codeOf(() => streamed(halfway, { max_block_size: '10000' })));
  await client.command({ query: 'DROP TABLE fruit' });
  await client.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
