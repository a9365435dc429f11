package main

import "context"

func load(context.Context, []string) error { return nil }
