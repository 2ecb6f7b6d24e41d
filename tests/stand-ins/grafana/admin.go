package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
)

// The one user. As with Grafana, the setting counts when the data directory is new, and what is in
// the data directory ever after.
type admin struct {
	User     string
	Password [sha256.Size]byte
}

func openAdmin(data string) (*admin, error) {
	path := filepath.Join(data, "stand-in-admin.json")
	content, err := os.ReadFile(path)
	if err == nil {
		kept := new(admin)
		return kept, json.Unmarshal(content, kept)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	password, err := secret("GF_SECURITY_ADMIN_PASSWORD", "admin")
	if err != nil {
		return nil, err
	}
	first := &admin{
		User:     setting("GF_SECURITY_ADMIN_USER", "admin"),
		Password: sha256.Sum256([]byte(password)),
	}
	content, err = json.Marshal(first)
	if err != nil {
		return nil, err
	}
	return first, os.WriteFile(path, content, 0o600)
}

func (a *admin) is(user, password string) bool {
	hash := sha256.Sum256([]byte(password))
	return user == a.User && subtle.ConstantTimeCompare(hash[:], a.Password[:]) == 1
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
