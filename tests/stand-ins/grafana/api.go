package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
)

// Grafana's HTTP API, as far as it goes here.
func api(log *slog.Logger, admin *admin, provisioned *provisioned) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "This is a stand-in for Grafana %s: it answers programs and draws nothing.\n", version)
	})
	mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]string{
			"commit": "stand-in", "database": "ok", "version": version,
		})
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		var login struct{ User, Password string }
		if err := json.NewDecoder(r.Body).Decode(&login); err != nil {
			message(w, http.StatusBadRequest, "bad login data")
		} else if !admin.is(login.User, login.Password) {
			message(w, http.StatusUnauthorized, "Invalid username or password")
		} else {
			message(w, http.StatusOK, "Logged in")
		}
	})
	mux.HandleFunc("GET /api/datasources", admin.only(func(w http.ResponseWriter, r *http.Request) {
		all := make([]map[string]any, 0, len(provisioned.datasources))
		for _, source := range provisioned.datasources {
			all = append(all, source.public())
		}
		answer(w, http.StatusOK, all)
	}))
	mux.HandleFunc("GET /api/datasources/uid/{uid}", admin.only(func(w http.ResponseWriter, r *http.Request) {
		if source := provisioned.datasource(w, r); source != nil {
			answer(w, http.StatusOK, source.public())
		}
	}))
	mux.HandleFunc("GET /api/datasources/uid/{uid}/health", admin.only(func(w http.ResponseWriter, r *http.Request) {
		source := provisioned.datasource(w, r)
		if source == nil {
			return
		}
		if err := source.check(r.Context()); err != nil {
			log.Warn("a data source does not work", "uid", source.UID, "error", err)
			answer(w, http.StatusBadRequest, map[string]string{"message": err.Error(), "status": "ERROR"})
			return
		}
		answer(w, http.StatusOK, map[string]string{"message": "Data source is working", "status": "OK"})
	}))
	mux.HandleFunc("GET /api/search", admin.only(func(w http.ResponseWriter, r *http.Request) {
		query := strings.ToLower(r.URL.Query().Get("query"))
		found := []map[string]any{}
		for _, dashboard := range provisioned.dashboards {
			if strings.Contains(strings.ToLower(dashboard.title), query) {
				found = append(found, dashboard.hit())
			}
		}
		answer(w, http.StatusOK, found)
	}))
	mux.HandleFunc("GET /api/dashboards/uid/{uid}", admin.only(func(w http.ResponseWriter, r *http.Request) {
		for _, dashboard := range provisioned.dashboards {
			if dashboard.uid == r.PathValue("uid") {
				answer(w, http.StatusOK, dashboard.full())
				return
			}
		}
		message(w, http.StatusNotFound, "Dashboard not found")
	}))
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		message(w, http.StatusNotFound, "Not found: this is a stand-in for Grafana")
	})
	return mux
}

func (p *provisioned) datasource(w http.ResponseWriter, r *http.Request) *datasource {
	for _, source := range p.datasources {
		if source.UID == r.PathValue("uid") {
			return source
		}
	}
	message(w, http.StatusNotFound, "Data source not found")
	return nil
}

func message(w http.ResponseWriter, status int, text string) {
	answer(w, status, map[string]string{"message": text})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	// Whoever has gone away needs no answer.
	_ = json.NewEncoder(w).Encode(value)
}
