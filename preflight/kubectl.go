package preflight

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Kubectl runs kubectl with these arguments and returns what it prints. This
// package only lets it get and exec the reading of Envoy's admin interface.
type Kubectl func(args ...string) ([]byte, error)

// NewKubectl is the kubectl in the path, with its own configuration.
func NewKubectl(ctx context.Context) Kubectl {
	return func(args ...string) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, "kubectl", args...) //nolint:gosec // no argument of ours begins with a dash that is not ours
		var problems bytes.Buffer
		cmd.Stderr = &problems
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("kubectl %s: %w: %s", strings.Join(args[:min(2, len(args))], " "), err, said(problems.String()))
		}
		return out, nil
	}
}

// said is what kubectl tells people, without what its libraries log before.
func said(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !libraryLog.MatchString(line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, " ")
}

var libraryLog = regexp.MustCompile(`^[IWEF]\d{4} \d\d:\d\d:`)

// Target is what --kubectl names: a pod, or the pods of a Deployment.
type Target struct{ Namespace, Deployment, Pod string }

// ParseTarget reads [NAMESPACE/]POD or NAMESPACE/deploy/NAME.
func ParseTarget(text string) (Target, error) {
	parts := strings.Split(text, "/")
	for _, part := range parts {
		if part == "" || strings.HasPrefix(part, "-") || strings.ContainsAny(part, " \t\r\n") {
			parts = nil
		}
	}
	switch {
	case len(parts) == 1:
		return Target{Pod: parts[0]}, nil
	case len(parts) == 2:
		return Target{Namespace: parts[0], Pod: parts[1]}, nil
	case len(parts) == 3 && (parts[1] == "deploy" || parts[1] == "deployment"):
		return Target{Namespace: parts[0], Deployment: parts[2]}, nil
	}
	return Target{}, fmt.Errorf("--kubectl %q: want NAMESPACE/POD or NAMESPACE/deploy/NAME", text)
}

// Pods returns the pods of the target's Deployment that are not about to end,
// and the labels that find them.
func (t Target) Pods(kubectl Kubectl) (pods []string, selector map[string]string, err error) {
	var deployment appsv1.Deployment
	if err := getJSON(kubectl, &deployment, "get", "deployment", t.Deployment, "-n", t.Namespace); err != nil {
		return nil, nil, err
	}
	if deployment.Spec.Selector == nil {
		return nil, nil, fmt.Errorf("deployment %s/%s has no selector", t.Namespace, t.Deployment)
	}
	selector = deployment.Spec.Selector.MatchLabels
	var list corev1.PodList
	if err := getJSON(kubectl, &list, "get", "pods", "-n", t.Namespace, "-l", labels.Set(selector).String()); err != nil {
		return nil, nil, err
	}
	for _, pod := range list.Items {
		if !ended(pod) {
			pods = append(pods, pod.Name)
		}
	}
	if len(pods) == 0 {
		return nil, nil, fmt.Errorf("deployment %s/%s has no pod", t.Namespace, t.Deployment)
	}
	return pods, selector, nil
}

func getJSON(kubectl Kubectl, into any, args ...string) error {
	out, err := kubectl(append(args, "-o", "json")...)
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	return err
}
