package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Replaces variables in every value of a provisioning file.
func expandAll(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!str" {
		expanded, err := expand(node.Value)
		if err != nil {
			return err
		}
		node.Value = expanded
	}
	for at, child := range node.Content {
		if node.Kind == yaml.MappingNode && at%2 == 0 {
			continue // A key.
		}
		if err := expandAll(child); err != nil {
			return err
		}
	}
	return nil
}

var variable = regexp.MustCompile(`\$\$|\$__(file|env)\{([^}]*)\}|\$\{(\w+)\}|\$(\w+)`)

// What Grafana replaces: $__file{path}, $__env{NAME}, ${NAME} and $NAME; $$ is one dollar.
func expand(text string) (string, error) {
	var failed error
	expanded := variable.ReplaceAllStringFunc(text, func(match string) string {
		groups := variable.FindStringSubmatch(match)
		switch {
		case match == "$$":
			return "$"
		case groups[1] == "file":
			content, err := os.ReadFile(groups[2])
			if err != nil {
				failed = fmt.Errorf("%s: %w", match, err)
			}
			return strings.TrimSpace(string(content))
		case groups[1] == "env":
			return os.Getenv(groups[2])
		default:
			return os.Getenv(groups[3] + groups[4])
		}
	})
	return expanded, failed
}
