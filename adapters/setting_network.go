package adapters

var networkSettings = []setting{
	isMissing("pkt_buf", "4096", "none: buffers are shared and of the loops' own size"),
	isMissing("max_packet_size", "2147483647", "none: messages of any size are streamed; those of a login are bounded"),
	isMissing("listen_backlog", "128", "none: `net.core.somaxconn`, or a share of the descriptors kept in reserve, if that is less"),
	isMissing("sbuf_loopcnt", "5", "none: no connection has a loop for itself for long"),
	isMissing("so_reuseport", "0", "none: one process uses all cores, with the same pools (`event_loops`); ports of `listen` are always shared with a next process"),
	isMissing("tcp_defer_accept", "1", "none: connections are accepted at once, and bounded while they log in", "0"),
	isMissing("tcp_socket_buffer", "0", "none: the kernel's (`net.ipv4.tcp_rmem`, `tcp_wmem`)"),
	isMissing("tcp_keepalive", "1", "always on: after 5 minutes, every 30 seconds, 5 times"),
	isMissing("tcp_keepcnt", "0", "none: 5 probes"),
	isMissing("tcp_keepidle", "0", "none: 5 minutes"),
	isMissing("tcp_keepintvl", "0", "none: 30 seconds"),
	isMissing("tcp_user_timeout", "0", "none: the kernel's (`net.ipv4.tcp_retries2`)"),
}
