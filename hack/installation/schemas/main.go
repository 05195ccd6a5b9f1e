// Command schemas writes the JSON schemas by which kubeconform judges objects, out of the OpenAPI file of a Kubernetes
// release: one file for each kind, with all that it refers to, which allows no member that the release does not know.
//
// It asks nobody.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

type object = map[string]any

const reference = "#/definitions/"

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: schemas SWAGGER FOLDER"))
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	var openapi struct {
		Definitions map[string]object `json:"definitions"`
	}
	if err := json.Unmarshal(text, &openapi); err != nil {
		fail(err)
	}
	if err := os.MkdirAll(os.Args[2], 0o755); err != nil {
		fail(err)
	}
	for _, definition := range openapi.Definitions {
		strict(definition)
	}
	for name, definition := range openapi.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		for _, kind := range kinds {
			if err := write(os.Args[2], kind.(object), name, openapi.Definitions); err != nil {
				fail(err)
			}
		}
	}
}

// An object that names its members has no others; what may be a number or a text says so.
func strict(value any) {
	switch value := value.(type) {
	case object:
		if _, named := value["properties"].(object); named {
			if _, told := value["additionalProperties"]; !told {
				value["additionalProperties"] = false
			}
		}
		if value["format"] == "int-or-string" {
			value["type"] = []any{"string", "integer"}
		}
		for _, member := range value {
			strict(member)
		}
	case []any:
		for _, member := range value {
			strict(member)
		}
	}
}

// Under the name that kubeconform's template makes of a kind: kind-group-version, of the group its first word.
func write(folder string, kind object, name string, definitions map[string]object) error {
	needed := map[string]object{}
	collect(definitions[name], definitions, needed)
	schema := object{"$ref": reference + name, "definitions": needed}
	needed[name] = definitions[name]
	words := []string{kind["kind"].(string)}
	if group := strings.Split(kind["group"].(string), ".")[0]; group != "" {
		words = append(words, group)
	}
	words = append(words, kind["version"].(string))
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	file := strings.ToLower(strings.Join(words, "-")) + ".json"
	return os.WriteFile(filepath.Join(folder, file), text, 0o644)
}

func collect(value any, definitions, needed map[string]object) {
	switch value := value.(type) {
	case object:
		if to, is := value["$ref"].(string); is {
			name := strings.TrimPrefix(to, reference)
			if _, known := needed[name]; !known {
				needed[name] = definitions[name]
				collect(definitions[name], definitions, needed)
			}
		}
		for _, member := range value {
			collect(member, definitions, needed)
		}
	case []any:
		for _, member := range value {
			collect(member, definitions, needed)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "schemas:", err)
	os.Exit(1)
}
