package cluster_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv/poll"
)

func TestMain(m *testing.M) {
	if os.Getenv("SITES_CA") == "" {
		fmt.Fprintln(os.Stderr, "these tests run in the cluster of testenv/cluster/run: make test-cluster")
		os.Exit(2)
	}
	os.Exit(m.Run())
}

const patience = 5 * time.Minute // only a test that fails waits for all of it

// await waits until check returns nil.
func await(t *testing.T, check func() error) {
	t.Helper()
	if err := poll.For(patience, func() error {
		err := check()
		if err != nil {
			time.Sleep(200 * time.Millisecond) // each look starts a program
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func kubectl(t *testing.T, input string, args ...string) string {
	t.Helper()
	out, err := tryKubectl(input, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tryKubectl(input string, args ...string) (string, error) {
	cmd := exec.Command("kubectl", args...)
	cmd.Stdin = strings.NewReader(input)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, problems.String())
	}
	return out.String(), nil
}

// deleteNamespace deletes one and all that is in it, and waits until it is gone.
func deleteNamespace(t *testing.T, name string) {
	t.Helper()
	if _, err := tryKubectl("", "delete", "namespace", name, "--wait=false", "--ignore-not-found"); err != nil {
		t.Error(err)
	}
	if _, err := tryKubectl("", "delete", "pods", "-n", name, "--all", "--force", "--ignore-not-found"); err != nil {
		t.Error(err)
	}
	if err := poll.For(patience, func() error {
		if _, err := tryKubectl("", "get", "namespace", name); err == nil {
			return fmt.Errorf("namespace %s is still there", name)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// pods returns the names of a namespace's pods, ready or not.
func pods(t *testing.T, namespace string) (ready, not []string) {
	t.Helper()
	var list struct {
		Items []struct {
			Metadata struct {
				Name              string
				DeletionTimestamp *string
			}
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := json.Unmarshal([]byte(kubectl(t, "", "get", "pods", "-n", namespace, "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, p := range list.Items {
		switch {
		case p.Metadata.DeletionTimestamp != nil:
		case slices.Contains(p.Status.Conditions, struct{ Type, Status string }{"Ready", "True"}):
			ready = append(ready, p.Metadata.Name)
		default:
			not = append(not, p.Metadata.Name)
		}
	}
	return ready, not
}

// proxy asks the admin interface of a pod's Envoy.
func proxy(namespace, pod, path string) (string, error) {
	return tryKubectl("", "exec", "-n", namespace, pod, "-c", "istio-proxy", "--", "pilot-agent", "request", "GET", path)
}
