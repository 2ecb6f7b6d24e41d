package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// The plugin that is looked after here.
const clickhousePlugin = "grafana-clickhouse-datasource"

// A data source in a file, as it is written there.
type datasource struct {
	Name           string            `yaml:"name"`
	UID            string            `yaml:"uid"`
	Type           string            `yaml:"type"`
	Access         string            `yaml:"access"`
	URL            string            `yaml:"url"`
	IsDefault      bool              `yaml:"isDefault"`
	Editable       bool              `yaml:"editable"`
	JSONData       map[string]any    `yaml:"jsonData"`
	SecureJSONData map[string]string `yaml:"secureJsonData"`
	id             int
}

// As the API gives it: of what is secret, only that it is there.
func (d *datasource) public() map[string]any {
	secrets := map[string]bool{}
	for name := range d.SecureJSONData {
		secrets[name] = true
	}
	return map[string]any{
		"id": d.id, "orgId": 1, "uid": d.UID, "name": d.Name, "type": d.Type, "access": d.Access,
		"url": d.URL, "isDefault": d.IsDefault, "readOnly": !d.Editable, "jsonData": d.JSONData,
		"secureJsonFields": secrets,
	}
}

// Whether it works: a query through the plugin's own driver, over the protocol, with the name and
// the password that are provisioned.
func (d *datasource) check(ctx context.Context) error {
	if d.Type != clickhousePlugin {
		return fmt.Errorf("the stand-in has no plugin %s", d.Type)
	}
	options, err := d.options()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, options.DialTimeout+options.ReadTimeout)
	defer cancel()
	database := clickhouse.OpenDB(options)
	defer database.Close()
	var one uint8
	if err := database.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return err
	}
	if one != 1 {
		return fmt.Errorf("SELECT 1 gave %d", one)
	}
	return nil
}

func (d *datasource) options() (*clickhouse.Options, error) {
	port, err := d.number("port", 9000)
	if err != nil {
		return nil, err
	}
	dial, err := d.number("dialTimeout", 10)
	if err != nil {
		return nil, err
	}
	query, err := d.number("queryTimeout", 60)
	if err != nil {
		return nil, err
	}
	options := &clickhouse.Options{
		Protocol: clickhouse.Native,
		Addr:     []string{net.JoinHostPort(d.text("host"), strconv.Itoa(port))},
		Auth: clickhouse.Auth{
			Database: d.text("defaultDatabase"),
			Username: d.text("username"),
			Password: d.SecureJSONData["password"],
		},
		DialTimeout: time.Duration(dial) * time.Second,
		ReadTimeout: time.Duration(query) * time.Second,
	}
	if d.text("protocol") == "http" {
		options.Protocol = clickhouse.HTTP
		options.HttpUrlPath = d.text("path")
	}
	if secure, _ := d.JSONData["secure"].(bool); secure {
		options.TLS = &tls.Config{}
	}
	return options, nil
}

func (d *datasource) text(name string) string {
	text, _ := d.JSONData[name].(string)
	return text
}

// A number, which the plugin takes as text too.
func (d *datasource) number(name string, otherwise int) (int, error) {
	switch value := d.JSONData[name].(type) {
	case nil:
		return otherwise, nil
	case int:
		return value, nil
	case string:
		number, err := strconv.Atoi(value)
		if err != nil {
			return 0, fmt.Errorf("%s is no number: %q", name, value)
		}
		return number, nil
	default:
		return 0, fmt.Errorf("%s is no number: %v", name, value)
	}
}
