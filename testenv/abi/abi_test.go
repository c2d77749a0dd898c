// Package abi holds our declarations of Envoy's ABI against Envoy's own.
package abi

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	// Envoy's own declaration of the ABI, which abi.h is held against.
	_ "github.com/envoyproxy/envoy/source/extensions/dynamic_modules/abi"
)

// The published header is that of Envoy 1.38, the last that was: what it has, the
// supported ones have unchanged (make check-envoy tries that in each).
func TestDeclarationsAreThoseOfTheHeaderOfEnvoy138(t *testing.T) {
	official := moduleDir(t, "github.com/envoyproxy/envoy/source/extensions/dynamic_modules")
	for _, file := range []string{"testdata/prototypes.c", "testdata/layouts.c"} {
		if out, err := compile(official, file); err != nil {
			t.Errorf("%s: the ABI has drifted; make abi.h agree with Envoy's header: %v\n%s", file, err, out)
		}
	}
}

// Envoy logs a warning where a module was built for another ABI than its own.
func TestVersionIsThatOfTheHeader(t *testing.T) {
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	header := read(filepath.Join(moduleDir(t, "github.com/envoyproxy/envoy/source/extensions/dynamic_modules"), "abi/abi.h"))
	match := regexp.MustCompile(`ENVOY_DYNAMIC_MODULES_ABI_VERSION ("v[0-9.]+")`).FindStringSubmatch(header)
	if match == nil || !strings.Contains(read("../../envoy/hooks.c"), "on_program_init(void) { return "+match[1]+"; }") {
		t.Errorf("hooks.c says another ABI version than Envoy's header: %q", match)
	}
}

// The check must be able to fail: a prototype with another type is an error.
func TestDriftOfADeclarationIsAnError(t *testing.T) {
	official := moduleDir(t, "github.com/envoyproxy/envoy/source/extensions/dynamic_modules")
	source := "#include \"abi/abi.h\"\nunsigned envoy_dynamic_module_callback_network_filter_close_with_details(void*, unsigned, envoy_dynamic_module_type_module_buffer);\n"
	file := filepath.Join(t.TempDir(), "drift.c")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := compile(official, file); err == nil {
		t.Errorf("a callback declared with another result compiles beside Envoy's header: %s", out)
	}
}

// The published header ends before Envoy 1.39, so for newer callbacks the
// source of 1.39 is the reference.
func TestNewCallbacksAreThoseOfTheSourceOfEnvoy139(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(moduleDir(t, "github.com/envoyproxy/envoy"),
		"source/extensions/filters/network/dynamic_modules/abi_impl.cc"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(source)), " ")
	for _, want := range []string{
		"envoy_dynamic_module_type_metrics_result envoy_dynamic_module_callback_network_filter_config_increment_counter(" +
			" envoy_dynamic_module_type_network_filter_config_envoy_ptr config_envoy_ptr, size_t id, uint64_t value)",
		"envoy_dynamic_module_type_metrics_result envoy_dynamic_module_callback_network_filter_config_set_gauge(" +
			" envoy_dynamic_module_type_network_filter_config_envoy_ptr config_envoy_ptr, size_t id, uint64_t value)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("Envoy's abi_impl.cc has no %q: the callback changed; make abi.h agree", want)
		}
	}
}

func compile(official, file string) (string, error) {
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	out, err := exec.Command(cc, "-std=c11", "-fsyntax-only", "-Wall", "-Werror", "-I", official, file).CombinedOutput()
	return string(out), err
}

func moduleDir(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		t.Fatalf("go list -m %s: %v", module, err)
	}
	return strings.TrimSpace(string(out))
}
