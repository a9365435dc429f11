// Package discovery finds upstreams outside of the configuration: in DNS, in Patroni's view of its cluster, in a list that a web server
// has. Each is a [Source], which is asked; [Watch] asks it again and again, and tells what has changed.
//
// What an answer means is computed by pure functions ([ParseCluster], [ParseList], and that for SRV records), apart from who
// fetches it. What an upstream is worth, whether it is up and what its role is, is found out by who probes it, not here: a
// source says where to look.
package discovery
