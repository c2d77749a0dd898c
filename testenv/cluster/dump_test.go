package cluster_test

import (
	"encoding/json"
	"slices"
)

// listenersDump is what the tests read of Envoy's config_dump.
type listenersDump struct {
	Configs []struct {
		Name        string `json:"name"`
		ActiveState struct {
			Listener struct {
				FilterChains []struct {
					Match struct {
						ServerNames []string `json:"server_names"`
					} `json:"filter_chain_match"`
					Filters []struct {
						Name   string `json:"name"`
						Config struct {
							Cluster string `json:"cluster"`
						} `json:"typed_config"`
					} `json:"filters"`
				} `json:"filter_chains"`
			} `json:"listener"`
		} `json:"active_state"`
	} `json:"configs"`
}

func serverNames(dump string) (names []string, err error) {
	var d listenersDump
	if err := json.Unmarshal([]byte(dump), &d); err != nil {
		return nil, err
	}
	for _, c := range d.Configs {
		for _, chain := range c.ActiveState.Listener.FilterChains {
			names = append(names, chain.Match.ServerNames...)
		}
	}
	slices.Sort(names)
	return names, nil
}
