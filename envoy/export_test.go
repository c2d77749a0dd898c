package envoy

// ReadHello is the C reader of hellos.
var ReadHello = readHello
