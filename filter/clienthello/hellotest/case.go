package hellotest

import "slices"

// What a connection's first bytes come to, in the words of
// `wildcard-egress inspect`.
const (
	Accepted     = "server_name"
	NoServerName = "no_server_name"
	Malformed    = "malformed"
	NotTLS       = "not_tls"
	Incomplete   = "incomplete"
)

// Case is one kind of input and what must come of it.
type Case struct {
	Name  string // a sentence, unique
	Bytes []byte // all that the client sends, in order

	// Message is the handshake message in Bytes when the outcome does not
	// depend on records: any Records(Message, n) must come to the same. It is
	// nil when the records themselves are the point.
	Message []byte

	Result     string // one of the five words
	Reason     string // what exactly is wrong, in snake_case; empty when Accepted
	Sent       string // the name as the parser returns it, before it is checked
	ServerName string // the name in canonical form; empty unless Accepted
	ECH        bool   // the hello has an encrypted_client_hello extension
}

// All returns every case. The caller owns them.
func All() []Case {
	all := slices.Concat(clientCases(), nameCases(), serverNameCases(), fieldCases(),
		extensionCases(), lengthCases(), messageCases(), recordCases(), protocolCases())
	for i := range all {
		c := &all[i]
		if c.Bytes == nil && c.Message != nil {
			c.Bytes = Whole(c.Message)
		}
		if c.Result == Accepted && c.Sent == "" {
			c.Sent, c.ServerName = Site, Site
		}
	}
	return all
}

// Site is the server name of the cases that are not about names.
const Site = "en.wikipedia.org"
