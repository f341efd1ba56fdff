// For what pg requires and never uses here: sockets of Node, TLS (Hyperdrive does it), password files.
export default {};
