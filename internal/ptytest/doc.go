// Package ptytest gives tests a terminal: what a program writes to it can be read, what is typed reaches the program.
package ptytest
