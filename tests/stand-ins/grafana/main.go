// Stands in for Grafana where its image cannot be had.
//
// It reads what the image reads (the GF_ variables, and what is provisioned below
// /etc/grafana) and answers the part of the HTTP API by which a program finds out whether Grafana
// is up, who may come in, which data sources and dashboards it has, and whether a data source
// works; the last by the driver that Grafana's ClickHouse plugin is made with. It draws nothing,
// and says everywhere that it is a stand-in.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// What it says it is the version of; set by the linker.
var version = "0.0.0"

func main() {
	if len(os.Args) > 1 {
		if err := cli(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, nil)).With("logger", "grafana-stand-in")
	if err := run(log); err != nil {
		log.Error("it cannot go on", "error", err)
		os.Exit(1)
	}
}

// The one command of the image's `grafana` that there is.
func cli(arguments []string) error {
	reset := []string{"cli", "admin", "reset-admin-password", "--password-from-stdin"}
	if !slices.Equal(arguments, reset) {
		return fmt.Errorf("this is a stand-in for Grafana, which cannot %q", arguments)
	}
	return resetAdminPassword(setting("GF_PATHS_DATA", "/var/lib/grafana"), os.Stdin)
}

func run(log *slog.Logger) error {
	admin, err := openAdmin(setting("GF_PATHS_DATA", "/var/lib/grafana"))
	if err != nil {
		return err
	}
	provisioned, err := provision(setting("GF_PATHS_PROVISIONING", "/etc/grafana/provisioning"))
	if err != nil {
		return err
	}
	log.Info("this is a stand-in for Grafana", "version", version,
		"datasources", len(provisioned.datasources), "dashboards", len(provisioned.dashboards))
	for _, skipped := range provisioned.skipped {
		log.Error("a dashboard cannot be used", "error", skipped)
	}

	address := setting("GF_SERVER_HTTP_ADDR", "") + ":" + setting("GF_SERVER_HTTP_PORT", "3000")
	server := &http.Server{
		Addr:              address,
		Handler:           api(log, admin, provisioned),
		ReadHeaderTimeout: 10 * time.Second,
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	go func() {
		<-stop.Done()
		patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(patience)
	}()
	log.Info("HTTP Server Listen", "address", address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	log.Info("stopped")
	return nil
}

// One of Grafana's settings as its environment has it.
func setting(name, otherwise string) string {
	if value, set := os.LookupEnv(name); set {
		return value
	}
	return otherwise
}

// A setting that may be in a file, which NAME__FILE names; the image has it so.
func secret(name, otherwise string) (string, error) {
	path, set := os.LookupEnv(name + "__FILE")
	if !set {
		return setting(name, otherwise), nil
	}
	if _, both := os.LookupEnv(name); both {
		return "", fmt.Errorf("both %s and %s__FILE are set", name, name)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	// As a shell's $(<file) has it, by which the image reads it.
	for len(content) > 0 && content[len(content)-1] == '\n' {
		content = content[:len(content)-1]
	}
	return string(content), nil
}
