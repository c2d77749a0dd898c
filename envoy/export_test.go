package envoy

// PlainServerName is the C reader of hellos.
var PlainServerName = plainServerName
