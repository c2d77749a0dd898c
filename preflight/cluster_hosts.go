package preflight

import (
	"fmt"
	"slices"
	"strings"
)

// checkHosts looks for hosts that others list, too, where an application sees it.
func checkHosts(c *Cluster) (string, error) {
	mine := map[string]bool{}
	c.each("ServiceEntry", func(o *meshObject) {
		for _, h := range o.Spec.Hosts {
			mine[h] = mine[h] || c.ours(o)
		}
	})
	var found []string
	for i := range c.objects {
		o := &c.objects[i]
		if c.ours(o) || o.Kind != "ServiceEntry" && o.Kind != "VirtualService" || !c.seen(o) {
			continue
		}
		for _, h := range o.Spec.Hosts {
			if by := coveredBy(mine, h); by != "" {
				found = append(found, fmt.Sprintf("%s has %q, which is in our %q", o, h, by))
			}
		}
	}
	return "no other object lists them", some(found)
}

// seen says whether an application's namespace sees an object.
func (c *Cluster) seen(o *meshObject) bool {
	if len(o.Spec.ExportTo) == 0 {
		return true
	}
	return slices.ContainsFunc(o.Spec.ExportTo, func(n string) bool {
		return n == "*" || n == "." && slices.Contains(c.applications(), o.Namespace) || slices.Contains(c.applications(), n)
	})
}

func coveredBy(mine map[string]bool, host string) string {
	if mine[host] {
		return host
	}
	for _, parent, ok := strings.Cut(strings.TrimPrefix(host, "*."), "."); ok; _, parent, ok = strings.Cut(parent, ".") {
		if mine["*."+parent] {
			return "*." + parent
		}
	}
	return ""
}
