package istio

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (r *renderer) namespace() object {
	meta := r.meta(r.Namespace)
	meta.Namespace = ""
	meta.Labels["pod-security.kubernetes.io/enforce"] = "restricted"
	return object{comment: "The gateway's own namespace: who may change things here decides what leaves the mesh.", value: &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: meta,
	}}
}

func (r *renderer) serviceAccount() object {
	no := false
	return object{comment: "The gateway's identity in the mesh. It needs nothing of the Kubernetes API.", value: &corev1.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   r.meta(r.Name),
		AutomountServiceAccountToken: &no,
	}}
}

// role lets its group change the policy and nothing else of the gateway.
func (r *renderer) role() object {
	rule := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}}
	about := "Change the policy, and nothing else of the gateway."
	if r.PolicyBy == ByECDS {
		rule.APIGroups, rule.Resources = []string{"networking.istio.io"}, []string{"envoyfilters"}
		about = "Change the object with the policy. It is an EnvoyFilter: who may write it can rewrite the gateway."
	}
	rule.ResourceNames = []string{r.policyName()}
	rule.Verbs = []string{"get", "update", "patch"}
	return object{comment: about, value: &rbacv1.Role{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "Role"},
		ObjectMeta: r.meta(r.policyName()),
		Rules:      []rbacv1.PolicyRule{rule},
	}}
}

func (r *renderer) roleBinding() object {
	return object{comment: fmt.Sprintf("Who may change the policy: the group %s.", r.PolicyEditors), value: &rbacv1.RoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "RoleBinding"},
		ObjectMeta: r.meta(r.policyName()),
		RoleRef:    rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: r.policyName()},
		Subjects:   []rbacv1.Subject{{APIGroup: "rbac.authorization.k8s.io", Kind: "Group", Name: r.PolicyEditors}},
	}}
}
