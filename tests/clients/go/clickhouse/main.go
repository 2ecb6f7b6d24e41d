// Uses ClickHouse's HTTP interface by clickhouse-go.
//
// The variables CLICKHOUSE_URL, CLICKHOUSE_USER and CLICKHOUSE_PASSWORD say where and as whom, the
// argument whether with compression. It prints what the programs of all clients print.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

const rows = 20_000

func main() {
	if err := use(context.Background(), os.Args[1] == "compressed"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func use(ctx context.Context, compressed bool) error {
	server, err := url.Parse(os.Getenv("CLICKHOUSE_URL"))
	if err != nil {
		return err
	}
	options := &clickhouse.Options{
		Protocol: clickhouse.HTTP,
		Addr:     []string{server.Host},
		Auth: clickhouse.Auth{
			Database: "telemetry",
			Username: os.Getenv("CLICKHOUSE_USER"),
			Password: os.Getenv("CLICKHOUSE_PASSWORD"),
		},
	}
	if compressed {
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return err
	}
	defer conn.Close()

	for _, sql := range []string{
		"DROP TABLE IF EXISTS fruit",
		`CREATE TABLE fruit (id UInt32, name String, price Float64, tags Array(String),
		picked DateTime64(3, 'UTC'), note Nullable(String), attributes Map(String, String))
		ENGINE = MergeTree ORDER BY id`,
	} {
		if err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if err := insert(ctx, conn); err != nil {
		return err
	}
	if err := read(ctx, conn); err != nil {
		return err
	}

	count, err := stream(ctx, conn, "SELECT number FROM numbers(2000000)")
	if err != nil {
		return err
	}
	fmt.Println("streamed", count)
	_, err = stream(ctx, conn, "SELECT * FROM nowhere")
	fmt.Println("missing table", code(err))
	_, err = stream(ctx, conn, "SELECT (1")
	fmt.Println("syntax", code(err))
	var threads string
	set := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_threads": 1}))
	if err := conn.QueryRow(set, "SELECT toString(getSetting('max_threads'))").Scan(&threads); err != nil {
		return err
	}
	fmt.Println("setting", threads)
	set = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 10000}))
	_, err = stream(set, conn, "SELECT number + throwIf(number = 1500000) FROM numbers(2000000)")
	fmt.Println("half-way", code(err))
	return conn.Exec(ctx, "DROP TABLE fruit")
}

func insert(ctx context.Context, conn clickhouse.Conn) error {
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO fruit")
	if err != nil {
		return err
	}
	picked := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	for id := range uint32(rows) {
		var note *string
		if id%2 == 0 {
			ripe := "ripe"
			note = &ripe
		}
		err := batch.Append(
			id, fmt.Sprintf("pear's %d", id), float64(id)/2, []string{"a", "ü"}, picked, note,
			map[string]string{"k": fmt.Sprint(id)},
		)
		if err != nil {
			return err
		}
	}
	fmt.Println("written", batch.Rows())
	return batch.Send()
}

func read(ctx context.Context, conn clickhouse.Conn) error {
	found, err := conn.Query(
		ctx,
		`SELECT * FROM fruit WHERE id >= {low:UInt32} AND name <= {name:String} ORDER BY id LIMIT 2`,
		clickhouse.Named("low", "2"), clickhouse.Named("name", "pear's 3"),
	)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var (
			id         uint32
			name       string
			price      float64
			tags       []string
			picked     time.Time
			note       *string
			attributes map[string]string
		)
		if err := found.Scan(&id, &name, &price, &tags, &picked, &note, &attributes); err != nil {
			return err
		}
		noted := "null"
		if note != nil {
			noted = *note
		}
		moment := picked.UTC().Format("2006-01-02T15:04:05.000")
		fmt.Printf("%d|%s|%.1f|%s|%s|%s|%s\n",
			id, name, price, strings.Join(tags, ","), moment, noted, attributes["k"])
	}
	if err := found.Err(); err != nil {
		return err
	}
	var sum, count uint64
	if err := conn.QueryRow(ctx, "SELECT sum(id), count() FROM fruit").Scan(&sum, &count); err != nil {
		return err
	}
	fmt.Println("sum", sum, count)
	return nil
}

// How many rows a query has.
func stream(ctx context.Context, conn clickhouse.Conn, sql string) (int, error) {
	found, err := conn.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	defer found.Close()
	count := 0
	for found.Next() {
		var number uint64
		if err := found.Scan(&number); err != nil {
			return count, err
		}
		count++
	}
	return count, found.Err()
}

// The code of an exception.
func code(err error) string {
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		return fmt.Sprint(exception.Code)
	}
	if err == nil {
		return "none"
	}
	text := err.Error()
	if _, rest, found := strings.Cut(text, "Code: "); found {
		number, _, _ := strings.Cut(rest, ".")
		return number
	}
	return text
}
