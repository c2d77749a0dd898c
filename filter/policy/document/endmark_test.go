package document_test

import (
	"testing"

	"wildcard-egress/filter/policy/document"
)

func TestEndMark(t *testing.T) {
	for name, tt := range map[string]struct {
		text, with, without string
		marked              bool
	}{
		"none":                       {text: "version: 1\n", with: "version: 1\n...\n", without: "version: 1"},
		"no newline":                 {text: "version: 1", with: "version: 1\n...\n", without: "version: 1"},
		"the mark":                   {text: "version: 1\n...\n", with: "version: 1\n...\n", without: "version: 1", marked: true},
		"the mark without a newline": {text: "version: 1\n...", with: "version: 1\n...\n", without: "version: 1", marked: true},
		"newlines of Windows":        {text: "version: 1\r\n...\r\n", with: "version: 1\r\n...\r\n", without: "version: 1", marked: true},
		"dots at the end of a line":  {text: "a: b...\n", with: "a: b...\n...\n", without: "a: b..."},
		"an indented mark":           {text: "a:\n  ...\n", with: "a:\n  ...\n...\n", without: "a:\n  ..."},
		"a mark cut off":             {text: "version: 1\n..", with: "version: 1\n..\n...\n", without: "version: 1\n.."},
		"JSON":                       {text: `{"version": 1}` + "\n", with: `{"version": 1}` + "\n", without: `{"version": 1}`, marked: true},
		"JSON without a newline":     {text: `{"version": 1}`, with: `{"version": 1}` + "\n", without: `{"version": 1}`, marked: true},
		"nothing":                    {text: "", with: "\n...\n", without: ""},
	} {
		text := []byte(tt.text)
		if got := document.HasEndMark(text); got != tt.marked {
			t.Errorf("%s: HasEndMark is %v", name, got)
		}
		if got := string(document.WithEndMark(text)); got != tt.with {
			t.Errorf("%s: with the mark %q, want %q", name, got, tt.with)
		}
		if got := string(document.WithoutEndMark(text)); got != tt.without {
			t.Errorf("%s: without the mark %q, want %q", name, got, tt.without)
		}
	}
}
