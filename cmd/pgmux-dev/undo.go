package main

import "errors"

// undo is what is to be done at the end, the last first, however far the beginning came.
type undo []func() error

func (u *undo) add(step func() error) { *u = append(*u, step) }

// all does every step, whatever becomes of the others.
func (u *undo) all() error {
	var failed []error
	for i := len(*u) - 1; i >= 0; i-- {
		failed = append(failed, (*u)[i]())
	}
	return errors.Join(failed...)
}
