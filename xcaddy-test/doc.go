// Package xcaddytest drives the program that a user builds with xcaddy from outside: its commands, its files, its
// admin API and its listener. It needs `make xcaddy` first and runs with
//
//	go test -tags xcaddy ./xcaddy-test
package xcaddytest
