package main

import (
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestVariablesAreReplacedAsGrafanaDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte("pa$$word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NAME", "value")
	for text, expected := range map[string]string{
		"$__file{" + path + "}":      "pa$$word",
		"$__env{NAME}-${NAME}-$NAME": "value-value-value",
		"$$NAME":                     "$NAME",
		"costs $ 5":                  "costs $ 5",
		"${UNSET}":                   "",
	} {
		expanded, err := expand(text)
		if err != nil || expanded != expected {
			t.Errorf("%s: %q, %v", text, expanded, err)
		}
	}
	if _, err := expand("$__file{/nowhere}"); err == nil {
		t.Error("a file that is not there is no error")
	}
}

func TestKeysAndNumbersStayAsTheyAre(t *testing.T) {
	t.Setenv("NAME", "value")
	var document yaml.Node
	if err := yaml.Unmarshal([]byte("{$NAME: [1, $NAME]}"), &document); err != nil {
		t.Fatal(err)
	}
	if err := expandAll(&document); err != nil {
		t.Fatal(err)
	}
	var decoded map[string][]any
	if err := document.Decode(&decoded); err != nil {
		t.Fatal(err)
	}
	values := decoded["$NAME"]
	if len(values) != 2 || values[0] != 1 || values[1] != "value" {
		t.Error(decoded)
	}
}
