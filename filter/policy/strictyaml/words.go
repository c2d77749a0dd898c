package strictyaml

import (
	"fmt"
	"strings"
)

// mistakes are what people do wrong in YAML, by a part of what the library says
// of it. It speaks of its own scanner's states, which is no help.
var mistakes = []struct{ sign, what string }{
	{"tab", "a tab in the indentation; use spaces"},
	{"unexpected end of stream", "the file ends inside %s; close it"},
	{"',' or ']'", "%s is not closed; write ] or a comma before this"},
	{"',' or '}'", "%s is not closed; write } or a comma before this"},
	{"mapping values are not allowed", `a second ": " in one line; quote the text, or begin a new line`},
	{"expected ':'", `a field without ": " behind its name`},
	{"'-' indicator", `neither an entry "- " of %s nor less indented than it; mend the indentation`},
	{"expected key", "neither a field of %s nor less indented than it; mend the indentation"},
	{"sequence entries are not allowed", `"- " where no list can begin; begin a new line, or mend the indentation`},
	{"control characters", "a control character; remove it"},
	{"UTF-8", "not UTF-8 text; save the file as UTF-8"},
	{"escape", `an unknown escape in double quotes; write \\ for a backslash, or use single quotes`},
	{"cannot start any token", "a tab, where only spaces indent, or a character that must be quoted"},
	{"document", "a second document or a directive; one file is one document"},
	{"max depth", "brackets or indentation nested too deeply; a policy has four levels"},
	{"node content", "something is missing here, such as a value or a closing bracket"},
}

// things are what was begun, by a part of what the library calls it.
var things = []struct{ sign, what string }{
	{"quoted scalar", "the quoted text"}, {"flow sequence", "the list [ ]"}, {"flow mapping", "the group { }"},
	{"block collection", "the list"}, {"block mapping", "the group of fields"}, {"block scalar", "the text"},
}

// inOurWords says what is wrong, and how to mend it, for what the YAML library
// says of it: message at one place, in something that began in line begun, if
// that is not 0.
func inOurWords(message, context string, begun int) string {
	thing := "what began"
	for _, t := range things {
		if strings.Contains(context, t.sign) {
			thing = t.what
			break
		}
	}
	if begun > 0 {
		thing += fmt.Sprintf(" of line %d", begun)
	}
	for _, m := range mistakes {
		if strings.Contains(message, m.sign) {
			return strings.ReplaceAll(m.what, "%s", thing)
		}
	}
	return "this can't be read; look at this line and the one before, and quote what has special characters"
}
