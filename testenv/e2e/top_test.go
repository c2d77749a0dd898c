package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/poll"
)

// What top shows of a live gateway, by its log and by its admin interface.
func TestTopShowsALiveGateway(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{WithoutSidecar: true, Policy: wikipedia})
	for name, args := range map[string][]string{
		"log":   {env.GatewayLog.Path()},
		"admin": {"--admin", env.Gateway.AdminAddr()},
	} {
		type result struct {
			out []byte
			err error
		}
		ended := make(chan result, 1)
		go func() {
			out, err := built.Run(t.Context(), append([]string{"logs", "top", "--interval", "300ms", "--times", "10"}, args...)...)
			ended <- result{out, err}
		}()
		poll.Want(t, func() error {
			if _, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil {
				return poll.Stop(err)
			}
			if _, err := env.GetDirect(env.App(), "example.com"); err == nil {
				return poll.Stop(fmt.Errorf("example.com answered"))
			}
			select {
			case r := <-ended:
				if r.err != nil {
					return poll.Stop(r.err)
				}
				for _, want := range []string{"deny rule=- reason=no_rule", "allow rule=wikipedia reason=-"} {
					if !strings.Contains(string(r.out), want) {
						return poll.Stop(fmt.Errorf("%s: no %q:\n%s", name, want, r.out))
					}
				}
				return nil
			default:
				return fmt.Errorf("%s: not ended", name)
			}
		})
	}
}
