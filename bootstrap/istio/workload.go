package istio

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"wildcard-egress/bootstrap"
	"wildcard-egress/metrics"
)

// ModuleDir is where the image has the module, and where Envoy looks for it.
const ModuleDir = "/usr/local/lib/wildcard-egress"

// commandFile is the command line in the image.
const commandFile = "/usr/local/bin/wildcard-egress"

// mountedImage is where the image lies with ByMount.
const mountedImage = "/opt/wildcard-egress"

const proxyUser = 1337 // of Istio's images

// drainTime is how long connections may go on in a pod that ends.
const drainTime = 5 * time.Minute

func (r *renderer) deployment() (object, error) {
	annotations, err := r.podAnnotations()
	if err != nil {
		return object{}, err
	}
	labels := r.selector()
	labels["sidecar.istio.io/inject"] = "true"
	labels["app"], labels["version"] = r.Name, "v1" // Istio's own names for what metrics and Kiali show
	if r.Revision != "" {
		labels["istio.io/rev"] = r.Revision
	}
	comment := "The gateway's pods: Istio injects the rest of the proxy. The HorizontalPodAutoscaler says how many."
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: annotations}}
	template.Spec.Containers, template.Spec.Volumes = []corev1.Container{r.container()}, r.volumes()
	return r.deploymentOf(comment, template, drainTime), nil
}

// deploymentOf is the Deployment of either data plane: template has the labels,
// annotations, containers and volumes of its pods, which may take grace to end.
func (r *renderer) deploymentOf(comment string, template corev1.PodTemplateSpec, grace time.Duration) object {
	seconds := int64(grace / time.Second)
	pod := &template.Spec
	pod.ServiceAccountName = r.Name
	pod.AutomountServiceAccountToken = new(bool)
	pod.TerminationGracePeriodSeconds = &seconds
	pod.SecurityContext = &corev1.PodSecurityContext{
		RunAsNonRoot:   yes(),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	pod.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{
		r.spreadOver("topology.kubernetes.io/zone"), r.spreadOver("kubernetes.io/hostname"),
	}
	var replicas *int32 // the HorizontalPodAutoscaler's
	if r.leaves("horizontalpodautoscaler") {
		replicas = &r.Replicas
	}
	none, one := intstr.FromInt32(0), intstr.FromInt32(1)
	return object{comment: comment, value: &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: r.meta(r.Name),
		Spec: appsv1.DeploymentSpec{
			Replicas: replicas,
			Selector: &metav1.LabelSelector{MatchLabels: r.selector()},
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: &none, MaxSurge: &one},
			},
			Template: template,
		},
	}}
}

// podAnnotations configure Istio's agent. Without the stats matcher Istio hides
// the module's metrics.
func (r *renderer) podAnnotations() (map[string]string, error) {
	config, err := protojson.Marshal(&meshv1alpha1.ProxyConfig{
		ProxyStatsMatcher: &meshv1alpha1.ProxyConfig_ProxyStatsMatcher{InclusionPrefixes: []string{
			bootstrap.ModuleName, "dns_cache." + bootstrap.DNSCacheName, "extension_config_discovery",
			"cluster." + bootstrap.ForwardProxyName,
			fmt.Sprintf("listener.0.0.0.0_%d", r.Port), fmt.Sprintf("listener.[__]_%d", r.Port), // the latter without IPv4
		}},
		RuntimeValues: runtimeValues(),
		ProxyMetadata: map[string]string{
			// Envoy 1.39 and 1.40 crash when they run out of files.
			"ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS": strconv.Itoa(bootstrap.DefaultMaxConnections),
			"EXIT_ON_ZERO_ACTIVE_CONNECTIONS":              "true",
		},
	})
	if err != nil {
		return nil, err
	}
	text, err := yaml.JSONToYAML(config)
	if err != nil {
		return nil, err
	}
	buckets, err := json.Marshal(metrics.Buckets)
	annotations := map[string]string{
		"inject.istio.io/templates":              "gateway",
		"proxy.istio.io/config":                  string(text),
		"sidecar.istio.io/statsHistogramBuckets": string(buckets),
	}
	if r.NoEnvoyFilter {
		annotations["sidecar.istio.io/bootstrapOverride"] = r.bootstrapName()
	}
	return annotations, err
}

func runtimeValues() map[string]string {
	values := map[string]string{}
	for key, value := range bootstrap.RuntimeValues {
		values[key] = strconv.FormatBool(value)
	}
	return values
}

// memoryLimit is 2 GiB, or more where a policy allows hellos that need larger buffers.
func (r *renderer) memoryLimit() resource.Quantity {
	const step = 256 << 20
	needed := max(r.config.MemoryBytes(), 2<<30)
	return *resource.NewQuantity((needed+step-1)/step*step, resource.BinarySI)
}

func (r *renderer) container() corev1.Container {
	command := commandFile
	c := corev1.Container{
		Name:  "istio-proxy", // Istio's name for it
		Image: r.Image,
		Env:   []corev1.EnvVar{{Name: "ENVOY_DYNAMIC_MODULES_SEARCH_PATH", Value: ModuleDir}},
		Ports: []corev1.ContainerPort{
			{Name: "tls-egress", ContainerPort: int32(r.Port), Protocol: corev1.ProtocolTCP},
			{Name: metricsPortName, ContainerPort: metricsPort, Protocol: corev1.ProtocolTCP},
		},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("512Mi")},
			Limits:   corev1.ResourceList{"cpu": resource.MustParse("2"), "memory": r.memoryLimit()},
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(bool),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			Privileged:               new(bool),
			ReadOnlyRootFilesystem:   yes(),
			RunAsNonRoot:             yes(),
			RunAsUser:                user(),
			RunAsGroup:               user(),
		},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
				Path: "/healthz/ready", Port: intstr.FromInt32(15021), Scheme: corev1.URISchemeHTTP,
			}},
			PeriodSeconds: 5, TimeoutSeconds: 3, FailureThreshold: 4,
		},
	}
	if r.Delivery == ByMount {
		command = mountedImage + command
	}
	// Envoy is ready without a policy, and without the module. A probe that starts a program can not be the
	// readinessProbe: Istio adds its own to that. Until this one succeeds, the container is not ready.
	c.StartupProbe = &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{
			Command: []string{command, "ready", "--admin", proxyAdmin, "--port", strconv.Itoa(int(r.Port))},
		}},
		PeriodSeconds: 2, TimeoutSeconds: 5, FailureThreshold: math.MaxInt32, // it waits, and restarts nothing
	}
	if r.PolicyBy == ByConfigMap {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "policy", MountPath: policyDir, ReadOnly: true})
	}
	if r.Delivery == ByMount {
		// Istio's own. Kubernetes takes a name without a tag for one to pull each time, before Istio puts its image there.
		c.Image, c.ImagePullPolicy = "auto", corev1.PullIfNotPresent
		c.Env[0].Value = mountedImage + ModuleDir
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "module", MountPath: mountedImage, ReadOnly: true})
	}
	return c
}

// proxyAdmin is the admin interface of Istio's proxy, which is on ::1 where pods
// have IPv6 alone.
const proxyAdmin = "localhost:15000"

func (r *renderer) volumes() []corev1.Volume {
	var volumes []corev1.Volume
	if r.PolicyBy == ByConfigMap {
		volumes = append(volumes, corev1.Volume{Name: "policy", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: r.policyName()}},
		}})
	}
	if r.Delivery == ByMount {
		volumes = append(volumes, corev1.Volume{Name: "module", VolumeSource: corev1.VolumeSource{
			Image: &corev1.ImageVolumeSource{Reference: r.Image, PullPolicy: corev1.PullIfNotPresent},
		}})
	}
	return volumes
}

func (r *renderer) spreadOver(key string) corev1.TopologySpreadConstraint {
	return corev1.TopologySpreadConstraint{
		MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: corev1.ScheduleAnyway,
		LabelSelector:  &metav1.LabelSelector{MatchLabels: r.selector()},
		MatchLabelKeys: []string{"pod-template-hash"}, // a rollout's old pods do not count
	}
}

func yes() *bool { t := true; return &t }

func user() *int64 { u := int64(proxyUser); return &u }
