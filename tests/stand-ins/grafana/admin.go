package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
)

// The one user, in the data directory. As with Grafana, the setting counts when that is new, and
// what is in there ever after.
type admin struct {
	path string
}

type credentials struct {
	User     string
	Password [sha256.Size]byte
}

func openAdmin(data string) (*admin, error) {
	a := &admin{path: filepath.Join(data, "stand-in-admin.json")}
	if _, err := os.Stat(a.path); !errors.Is(err, fs.ErrNotExist) {
		return a, err
	}
	password, err := secret("GF_SECURITY_ADMIN_PASSWORD", "admin")
	if err != nil {
		return nil, err
	}
	return a, a.set(setting("GF_SECURITY_ADMIN_USER", "admin"), password)
}

func (a *admin) set(user, password string) error {
	content, err := json.Marshal(credentials{user, sha256.Sum256([]byte(password))})
	if err != nil {
		return err
	}
	return os.WriteFile(a.path, content, 0o600)
}

// Another process may have changed it since the last time.
func (a *admin) kept() (kept credentials, err error) {
	content, err := os.ReadFile(a.path)
	if err != nil {
		return kept, err
	}
	return kept, json.Unmarshal(content, &kept)
}

// What `grafana cli admin reset-admin-password --password-from-stdin` does.
func resetAdminPassword(data string, stdin io.Reader) error {
	a, err := openAdmin(data)
	if err != nil {
		return err
	}
	kept, err := a.kept()
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(stdin)
	if !lines.Scan() {
		return errors.Join(errors.New("there is no password on standard input"), lines.Err())
	}
	return a.set(kept.User, lines.Text())
}

func (a *admin) is(user, password string) bool {
	kept, err := a.kept()
	hash := sha256.Sum256([]byte(password))
	return err == nil && user == kept.User &&
		subtle.ConstantTimeCompare(hash[:], kept.Password[:]) == 1
}

// Passes requests on that say by HTTP's basic scheme that they are the administrator's.
func (a *admin) only(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, given := r.BasicAuth()
		switch {
		case !given:
			message(w, http.StatusUnauthorized, "Unauthorized")
		case !a.is(user, password):
			message(w, http.StatusUnauthorized, "Invalid username or password")
		default:
			next(w, r)
		}
	}
}
