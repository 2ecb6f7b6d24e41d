package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What Grafana has from files.
type provisioned struct {
	datasources []*datasource
	dashboards  []*dashboard
	// Files of dashboards that are none. Grafana says so in its log and goes on.
	skipped []error
}

// A dashboard in a file.
type dashboard struct {
	uid, title, folder string
	model              map[string]any
}

// Reads what is below the provisioning directory, and what that names.
func provision(directory string) (*provisioned, error) {
	found := new(provisioned)
	var sources struct {
		Datasources []*datasource
	}
	if err := readAll(filepath.Join(directory, "datasources"), &sources, func() {
		found.datasources = append(found.datasources, sources.Datasources...)
		sources.Datasources = nil
	}); err != nil {
		return nil, err
	}
	for id, source := range found.datasources {
		source.id = id + 1
		if source.UID == "" || source.Type == "" {
			return nil, fmt.Errorf("the data source %q has no uid or no type", source.Name)
		}
	}

	// Not kept: that it can be read is what there is to see.
	var alerting struct {
		ContactPoints []struct {
			Name      string
			Receivers []struct{ UID, Type string }
		} `yaml:"contactPoints"`
	}
	if err := readAll(filepath.Join(directory, "alerting"), &alerting, func() {}); err != nil {
		return nil, err
	}
	for _, point := range alerting.ContactPoints {
		for _, receiver := range point.Receivers {
			if receiver.UID == "" || receiver.Type == "" {
				return nil, fmt.Errorf("a receiver of the contact point %q has no uid or no type", point.Name)
			}
		}
	}

	var providers struct {
		Providers []struct {
			Folder  string
			Options struct{ Path string }
		}
	}
	return found, readAll(filepath.Join(directory, "dashboards"), &providers, func() {
		for _, provider := range providers.Providers {
			found.readDashboards(provider.Options.Path, provider.Folder)
		}
		providers.Providers = nil
	})
}

// Decodes each YAML file of a directory, if there is one, and calls used after each.
func readAll(directory string, into any, used func()) error {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if ending := filepath.Ext(entry.Name()); ending != ".yaml" && ending != ".yml" {
			continue
		}
		path := filepath.Join(directory, entry.Name())
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var document yaml.Node
		if err := yaml.Unmarshal(content, &document); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := expandAll(&document); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := document.Decode(into); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		used()
	}
	return nil
}

// Reads every dashboard below a directory; that there is none yet is no error.
func (p *provisioned) readDashboards(directory, folder string) {
	_ = filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			p.skipped = append(p.skipped, err)
			return nil
		}
		if entry.IsDir() || filepath.Ext(path) != ".json" {
			return nil
		}
		read, err := readDashboard(path, folder)
		if err != nil {
			p.skipped = append(p.skipped, fmt.Errorf("%s: %w", path, err))
			return nil
		}
		p.dashboards = append(p.dashboards, read)
		return nil
	})
}

func readDashboard(path, folder string) (*dashboard, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	read := &dashboard{folder: folder}
	if err := json.Unmarshal(content, &read.model); err != nil {
		return nil, err
	}
	read.uid, _ = read.model["uid"].(string)
	read.title, _ = read.model["title"].(string)
	if read.uid == "" || read.title == "" {
		return nil, errors.New("it has no uid or no title")
	}
	return read, nil
}

// As /api/search lists it.
func (d *dashboard) hit() map[string]any {
	tags := d.model["tags"]
	if tags == nil {
		tags = []string{}
	}
	return map[string]any{
		"uid": d.uid, "title": d.title, "type": "dash-db", "tags": tags,
		"url": d.url(), "uri": "db/" + d.slug(), "folderTitle": d.folder,
	}
}

// As /api/dashboards/uid/… gives it.
func (d *dashboard) full() map[string]any {
	meta := map[string]any{
		"type": "db", "slug": d.slug(), "url": d.url(), "provisioned": true,
		"folderTitle": d.folder,
	}
	return map[string]any{"meta": meta, "dashboard": d.model}
}

func (d *dashboard) url() string {
	return "/d/" + d.uid + "/" + d.slug()
}

var notInSlugs = regexp.MustCompile(`[^a-z0-9]+`)

func (d *dashboard) slug() string {
	return strings.Trim(notInSlugs.ReplaceAllString(strings.ToLower(d.title), "-"), "-")
}
