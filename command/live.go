package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

// live draws pictures on a terminal, and obeys its keys.
type live struct {
	admin    *admin
	screen   *screen
	terminal *terminal
	wishes   chan wish // what the next picture is to have
	pending  []byte    // the beginning of a key
}

// answered is a picture, or why there is none.
type answered struct {
	picture *picture
	err     error
}

// run draws until a person quits or ctx ends. Whatever happens, the terminal is given back.
func (l *live) run(ctx context.Context) error {
	if err := l.terminal.enter(); err != nil {
		return err
	}
	defer l.terminal.leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.wishes = make(chan wish, 1)
	pictures := make(chan answered)
	go l.poll(ctx, l.screen.wish(), pictures)
	typed := make(chan []byte)
	go l.read(ctx, typed)
	resized := make(chan os.Signal, 1)
	notifyResize(resized)
	defer signal.Stop(resized)
	return l.loop(ctx, pictures, typed, resized)
}

// loop tells the screen what happened, and draws it.
func (l *live) loop(ctx context.Context, pictures <-chan answered, typed <-chan []byte, resized <-chan os.Signal) error {
	for {
		if err := l.draw(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-resized:
		case a := <-pictures:
			l.screen.show(a.picture, a.err)
		case bytes, open := <-typed:
			if !open || l.obey(bytes) {
				return nil
			}
		}
	}
}

// obey obeys keys, and reports whether one of them was to quit.
func (l *live) obey(bytes []byte) (quit bool) {
	before := l.screen.wish()
	var keys []key
	keys, l.pending = keysOf(append(l.pending, bytes...))
	for _, k := range keys {
		if l.screen.press(k) {
			return true
		}
	}
	if w := l.screen.wish(); w != before {
		l.ask(w)
	}
	return false
}

// ask leaves a wish in the place of the one before, if that was not taken yet. Nobody else leaves any.
func (l *live) ask(w wish) {
	select {
	case <-l.wishes:
	default:
	}
	l.wishes <- w
}

func (l *live) draw() error {
	width, height := l.terminal.size()
	_, err := io.WriteString(l.terminal.out, paint(l.screen.render(width, height), coloured()))
	if err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	return nil
}

// poll asks for a picture at every interval, and at once when another is wished for.
func (l *live) poll(ctx context.Context, w wish, pictures chan<- answered) {
	defer l.terminal.leaveOnPanic()
	every := time.NewTicker(l.screen.interval)
	defer every.Stop()
	for {
		p, err := l.admin.look(ctx, w, time.Now)
		select {
		case pictures <- answered{p, err}:
		case <-ctx.Done():
			return
		}
		select {
		case w = <-l.wishes:
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

// read hands over what is typed. It ends with the program: reading a terminal cannot be interrupted.
func (l *live) read(ctx context.Context, typed chan<- []byte) {
	defer l.terminal.leaveOnPanic()
	defer close(typed)
	for {
		buf := make([]byte, 64)
		n, err := l.terminal.in.Read(buf)
		if err != nil {
			return
		}
		select {
		case typed <- buf[:n]:
		case <-ctx.Done():
			return
		}
	}
}
