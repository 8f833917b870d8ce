// Renders the templates of a chart as Helm does: Go's text/template with sprig's functions and those few of Helm's own that the
// chart uses. Usage: render CHART VALUES.json RELEASE NAMESPACE; prints all documents.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func toYaml(value interface{}) string {
	text, err := yaml.Marshal(value)
	fatal(err)
	return strings.TrimSuffix(string(text), "\n")
}

func main() {
	chart := os.Args[1]
	text, err := os.ReadFile(os.Args[2])
	fatal(err)
	values := map[string]interface{}{}
	fatal(json.Unmarshal(text, &values))
	text, err = os.ReadFile(filepath.Join(chart, "Chart.yaml"))
	fatal(err)
	about := struct {
		Name       string `yaml:"name"`
		Version    string `yaml:"version"`
		AppVersion string `yaml:"appVersion"`
	}{}
	fatal(yaml.Unmarshal(text, &about))

	all := template.New("chart").Option("missingkey=error")
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = toYaml
	functions["include"] = func(name string, data interface{}) (string, error) {
		var out strings.Builder
		err := all.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	all.Funcs(functions)
	files, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	fatal(err)
	sort.Strings(files)
	names := []string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		fatal(err)
		name := about.Name + "/templates/" + filepath.Base(file)
		_, err = all.New(name).Parse(string(text))
		fatal(err)
		if strings.HasSuffix(file, ".yaml") {
			names = append(names, name)
		}
	}
	for _, name := range names {
		data := map[string]interface{}{
			"Values":   values,
			"Release":  map[string]interface{}{"Name": os.Args[3], "Namespace": os.Args[4]},
			"Chart":    about,
			"Template": map[string]interface{}{"BasePath": about.Name + "/templates", "Name": name},
		}
		fmt.Printf("---\n# %s\n", name)
		fatal(all.ExecuteTemplate(os.Stdout, name, data))
		fmt.Println()
	}
}
