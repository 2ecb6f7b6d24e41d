"""Uses ClickHouse's HTTP interface by clickhouse-connect.

The variables CLICKHOUSE_URL, CLICKHOUSE_USER and CLICKHOUSE_PASSWORD say where and as whom, the
argument whether with compression. It prints what the programs of all clients print.
"""

import os
import sys
from datetime import datetime, timezone
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

ROWS = 20_000
COLUMNS = ["id", "name", "price", "tags", "picked", "note", "attributes"]


def connect():
    url = urlsplit(os.environ["CLICKHOUSE_URL"])
    compressed = sys.argv[1] == "compressed"
    return clickhouse_connect.get_client(
        host=url.hostname,
        port=url.port,
        username=os.environ["CLICKHOUSE_USER"],
        password=os.environ["CLICKHOUSE_PASSWORD"],
        database="telemetry",
        compress=compressed,
        # Parameters go by the URL, or else by a form.
        form_encode_query_params=compressed,
    )


def code_of(attempt):
    """The code of the exception that `attempt` ends in."""
    try:
        attempt()
    except ClickHouseError as error:
        text = str(error)
        return text.split("Code: ", 1)[1].split(".", 1)[0] if "Code: " in text else text
    return "none"


def main():
    client = connect()
    client.command("DROP TABLE IF EXISTS fruit")
    client.command(
        "CREATE TABLE fruit (id UInt32, name String, price Float64, tags Array(String), "
        "picked DateTime64(3, 'UTC'), note Nullable(String), attributes Map(String, String)) "
        "ENGINE = MergeTree ORDER BY id"
    )
    picked = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)
    rows = [
        [id, f"pear's {id}", id / 2, ["a", "ü"], picked, None if id % 2 else "ripe", {"k": str(id)}]
        for id in range(ROWS)
    ]
    summary = client.insert("fruit", rows, column_names=COLUMNS)
    print("written", summary.written_rows)

    parameters = {"low": 2, "name": "pear's 3"}
    result = client.query(
        "SELECT * FROM fruit WHERE id >= {low:UInt32} AND name <= {name:String} "
        "ORDER BY id LIMIT 2",
        parameters=parameters,
    )
    for id, name, price, tags, picked, note, attributes in result.result_rows:
        moment = picked.replace(tzinfo=None).isoformat(timespec="milliseconds")
        note = "null" if note is None else note
        print(id, name, price, ",".join(tags), moment, note, attributes["k"], sep="|")
    print("sum", *client.query("SELECT sum(id), count() FROM fruit").result_rows[0])

    count = 0
    with client.query_rows_stream("SELECT number FROM numbers(2000000)") as stream:
        for _ in stream:
            count += 1
    print("streamed", count)
    print("missing table", code_of(lambda: client.query("SELECT * FROM nowhere")))
    print("syntax", code_of(lambda: client.query("SELECT (1")))
    threads = client.query("SELECT getSetting('max_threads')", settings={"max_threads": 1})
    print("setting", *threads.result_rows[0])
    halfway = "SELECT throwIf(number = 1500000) AS a, number FROM numbers(2000000)"
    print("half-way", code_of(lambda: client.query(halfway, settings={"max_block_size": 10000})))
    client.command("DROP TABLE fruit")
    client.close()


main()
