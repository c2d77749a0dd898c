package bootstrap_test

import (
	"testing"
	"time"

	"wildcard-egress/bootstrap"
)

// Envoy removes a name at the first question's turn after host_ttl without use,
// and asks at the failure rate or, where there is no such name, at the refresh rate.
func TestADeadNameIsGoneWithinAMinute(t *testing.T) {
	cache := bootstrap.Config{}.DNSCache()
	for what, turn := range map[string]time.Duration{
		"no such name": cache.GetDnsRefreshRate().AsDuration(),
		"failure":      cache.GetDnsFailureRefreshRate().GetMaxInterval().AsDuration(),
	} {
		if stays := cache.GetHostTtl().AsDuration() + turn + cache.GetDnsQueryTimeout().AsDuration(); stays > time.Minute {
			t.Errorf("%s: stays in the cache for %v", what, stays)
		}
	}
}
