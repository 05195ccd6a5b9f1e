// Command judge tells how others see objects: Flux, by its library kstatus, and Argo CD, by a health check in Lua.
//
// It reads one JSON object per line from standard input and prints one line for each: kstatus' word and, where folder
// arguments name health checks, Argo CD's word and message. It asks nobody and writes nothing.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What is printed of one object.
type verdict struct {
	Kstatus     string `json:"kstatus"`
	ArgoStatus  string `json:"argoStatus"`
	ArgoMessage string `json:"argoMessage"`
}

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: judge FOLDER, the folder resource_customizations"))
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var object unstructured.Unstructured
		if err := object.UnmarshalJSON(lines.Bytes()); err != nil {
			fail(err)
		}
		judged, err := judge(&object, os.Args[1])
		if err != nil {
			fail(err)
		}
		line, err := json.Marshal(judged)
		if err != nil {
			fail(err)
		}
		fmt.Println(string(line))
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func judge(object *unstructured.Unstructured, folder string) (verdict, error) {
	seen, err := status.Compute(object)
	if err != nil {
		return verdict{}, err
	}
	kind := object.GroupVersionKind()
	health, message, err := argo(object, filepath.Join(folder, kind.Group, kind.Kind, "health.lua"))
	return verdict{seen.Status.String(), health, message}, err
}

// argo runs a health check as Argo CD does: a fresh state with the basic, table, string, math and restricted os
// libraries, the object in the global `obj`, the answer a table with `status` and `message`.
func argo(object *unstructured.Unstructured, script string) (string, string, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName:   lua.OpenPackage,
		lua.BaseLibName:   lua.OpenBase,
		lua.TabLibName:    lua.OpenTable,
		lua.StringLibName: lua.OpenString,
		lua.MathLibName:   lua.OpenMath,
	} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	state.SetGlobal("obj", value(state, object.Object))
	if err := state.DoFile(script); err != nil {
		return "", "", err
	}
	answer, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", fmt.Errorf("%s: answers no table", script)
	}
	text := func(field string) string {
		if found, ok := answer.RawGetString(field).(lua.LString); ok {
			return string(found)
		}
		return ""
	}
	return text("status"), text("message"), nil
}

// value turns decoded JSON into Lua's values, as Argo CD does.
func value(state *lua.LState, decoded any) lua.LValue {
	switch decoded := decoded.(type) {
	case bool:
		return lua.LBool(decoded)
	case float64:
		return lua.LNumber(decoded)
	case int64:
		return lua.LNumber(decoded)
	case string:
		return lua.LString(decoded)
	case []any:
		table := state.CreateTable(len(decoded), 0)
		for _, item := range decoded {
			table.Append(value(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(decoded))
		for key, item := range decoded {
			table.RawSetString(key, value(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "judge:", err)
	os.Exit(1)
}
