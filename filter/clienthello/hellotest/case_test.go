package hellotest_test

import (
	"bytes"
	"testing"

	"wildcard-egress/filter/clienthello/hellotest"
)

func TestAllIsSoundAndTheSameEachTime(t *testing.T) {
	again := hellotest.All()
	seen := map[string]bool{}
	for i, c := range hellotest.All() {
		if seen[c.Name] {
			t.Errorf("two cases are named %q", c.Name)
		}
		seen[c.Name] = true
		if !bytes.Equal(c.Bytes, again[i].Bytes) {
			t.Errorf("%s: other bytes the second time", c.Name)
		}
		if c.Message != nil && !bytes.Equal(c.Bytes, hellotest.Whole(c.Message)) {
			t.Errorf("%s: the bytes are not the message in records", c.Name)
		}
		if (c.Reason == "") != (c.Result == hellotest.Accepted) || (c.ServerName != "") != (c.Result == hellotest.Accepted) {
			t.Errorf("%s: result %q with reason %q and server name %q", c.Name, c.Result, c.Reason, c.ServerName)
		}
	}
}

func TestSizesAreExact(t *testing.T) {
	if n := len(hellotest.OfSize(hellotest.Site, 16384)); n != 16384 {
		t.Errorf("OfSize(16384) has %d bytes", n)
	}
	if n := len(hellotest.ManyExtensions(hellotest.Site, 16384)); n > 16384 || n < 16300 {
		t.Errorf("ManyExtensions(16384) has %d bytes", n)
	}
}
