package main

import "errors"

func idle(args []string) error { return errors.New("soon") }
