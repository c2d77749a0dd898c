package istio

import (
	"fmt"
	"strconv"
	"time"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	networkingv1 "istio.io/client-go/pkg/apis/networking/v1"
	corev1 "k8s.io/api/core/v1"
	networkv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"wildcard-egress/bootstrap"
)

// ambientWorkers is Envoy's concurrency: the CPUs of the container's limit.
const ambientWorkers = 2

func (r *renderer) waypointHosts() object {
	spec := networkingv1alpha3.ServiceEntry{
		Hosts:      r.traffic.hosts,
		Addresses:  []string{r.VIP.String()},
		Location:   networkingv1alpha3.ServiceEntry_MESH_EXTERNAL,
		Resolution: networkingv1alpha3.ServiceEntry_STATIC, // with DNS ztunnel would dial the sites itself
	}
	for _, p := range r.traffic.ports {
		spec.Ports = append(spec.Ports, &networkingv1alpha3.ServicePort{Number: uint32(p), Name: fmt.Sprintf("tls-%d", p), Protocol: "TLS"})
	}
	meta := r.meta(r.Name)
	meta.Labels["istio.io/use-waypoint"] = r.Name
	return object{comment: aboutHosts, value: &networkingv1.ServiceEntry{
		TypeMeta: networking("ServiceEntry"), ObjectMeta: meta, Spec: *spec.DeepCopy(),
	}, defaults: map[string]string{"spec.location": "MESH_EXTERNAL"}}
}

// ambientDeployment runs Envoy alone. The label gateway-name makes its pods
// instances of the waypoint.
func (r *renderer) ambientDeployment() object {
	labels := r.selector()
	labels["app"], labels["version"] = r.Name, "v1"
	labels[dataPlaneLabel], labels["sidecar.istio.io/inject"] = "ambient", "false"
	labels["gateway.networking.k8s.io/gateway-name"] = r.Name
	comment := "The gateway's pods: a plain Envoy. On their loopback callers are believed: no hostNetwork, no other\n" +
		"container. Their own DNS is not ztunnel's, which would answer with the address of the gateway itself."
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{"ambient.istio.io/dns-capture": "false"}},
	}
	template.Spec.Containers = []corev1.Container{r.envoyContainer()}
	template.Spec.Volumes = append(r.volumes(), corev1.Volume{Name: "bootstrap", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: r.bootstrapName()}},
	}})
	return r.deploymentOf(comment, template, drainTime+30*time.Second)
}

// envoyContainer is that of the sidecar's data plane, without Istio's agent.
func (r *renderer) envoyContainer() corev1.Container {
	c := r.container()
	c.Name = "envoy"
	c.Command = []string{"/usr/local/bin/envoy"}
	c.Args = []string{"--config-path", bootstrapDir + "/" + bootstrapFile, "--concurrency", strconv.Itoa(ambientWorkers), "--disable-hot-restart"}
	c.Ports = []corev1.ContainerPort{{Name: "health", ContainerPort: healthPort, Protocol: corev1.ProtocolTCP}}
	c.StartupProbe = nil // readiness asks for a policy itself
	c.ReadinessProbe.HTTPGet.Port = intstr.FromInt32(healthPort)
	// At SIGTERM Envoy ends at once: before that nobody is sent here any more, and what is open goes on.
	c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{
		commandFile, "drain", "--admin", ambientAdmin, "--port", strconv.Itoa(int(bootstrap.AmbientListen.Port())), "--for", drainTime.String(),
	}}}}
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "bootstrap", MountPath: bootstrapDir, ReadOnly: true})
	return c
}

// ambientNetworkPolicies close the ways round the gateway: ztunnel has no
// REGISTRY_ONLY. All that ztunnel carries comes and goes by port 15008.
func (r *renderer) ambientNetworkPolicies() []object {
	gateway := r.gatewayNetwork()
	policy := gateway.value.(*networkv1.NetworkPolicy)
	gateway.comment = "Into the gateway: the applications' namespaces, by HBONE, and who reads readiness and metrics. Out of it: the\n" +
		"policy's ports at addresses that the guard leaves, and DNS. For more: --gateway-allow-egress."
	policy.Spec.Ingress[0].Ports = []networkv1.NetworkPolicyPort{tcp(hbonePort)}
	policy.Spec.Ingress[1].Ports = []networkv1.NetworkPolicyPort{tcp(healthPort)}
	objects := []object{gateway}
	for _, n := range r.AppNamespaces {
		app := r.appNetwork(n)
		if r.StrictNetwork {
			policy := app.value.(*networkv1.NetworkPolicy)
			policy.Spec.Egress[0].Ports = []networkv1.NetworkPolicyPort{tcp(hbonePort)}
		}
		objects = append(objects, app)
	}
	return objects
}
