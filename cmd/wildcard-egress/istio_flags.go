package main

import (
	"strings"

	"wildcard-egress/bootstrap/istio"
)

// partsFlag takes a part each time it is given; istio.Options.Validate knows
// which there are.
type partsFlag struct{ to *[]istio.Part }

func (f partsFlag) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		*f.to = append(*f.to, istio.Part(part))
	}
	return nil
}

func (f partsFlag) String() string {
	if f.to == nil {
		return ""
	}
	var texts []string
	for _, part := range *f.to {
		texts = append(texts, string(part))
	}
	return strings.Join(texts, ",")
}

func (f partsFlag) Type() string { return "PART" }

// destinationsFlag takes a destination each time it is given.
type destinationsFlag struct{ to *[]istio.Destination }

func (f destinationsFlag) Set(text string) error {
	d, err := istio.ParseDestination(text)
	if err == nil {
		*f.to = append(*f.to, d)
	}
	return err
}

func (f destinationsFlag) String() string {
	if f.to == nil {
		return ""
	}
	var texts []string
	for _, d := range *f.to {
		texts = append(texts, d.String())
	}
	return strings.Join(texts, ",")
}

func (f destinationsFlag) Type() string { return "DESTINATION" }
