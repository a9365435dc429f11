package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// minInterval bounds how often the endpoint is asked: every question makes each event loop answer.
const minInterval = 100 * time.Millisecond

// top is `caddy postgres top`.
func (g *group) top() *cobra.Command {
	cmd := &cobra.Command{
		Use: "top", Short: "Watches pools, upstreams, clients and queries live", Args: noArguments, RunE: g.runTop,
		Long: `Watches pools, upstreams, clients and queries live.

Keys: Tab, arrows or 1 to 4 go to another view; s sorts it otherwise; up, down and
the keys for pages scroll; p pauses the picture; q quits.

What happens per second is computed from two pictures. Where the output is no
terminal, pictures are printed one below the other. NO_COLOR is respected.`,
	}
	flags := cmd.Flags()
	flags.DurationP("interval", "i", time.Second, "How often to look")
	flags.String("view", viewNames[0], "With which view to begin: "+strings.Join(viewNames[:], ", "))
	flags.String("sort", "", "By what to sort that view")
	completeWords(cmd, "view", viewNames[:])
	flags.Bool("once", false, "Print one picture and end")
	flags.IntP("times", "n", 0, "Print so many pictures and end")
	return cmd
}

func (g *group) runTop(cmd *cobra.Command, _ []string) error {
	a, err := g.admin()
	if err != nil {
		return err
	}
	s, err := newScreen(cmd, a.address)
	if err != nil {
		return err
	}
	times := number(cmd, "times")
	if yes(cmd, "once") {
		times = 1
	}
	if times < 0 {
		return fmt.Errorf("--times is %d; write how many pictures to print", times)
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	t := terminalOf(cmd.InOrStdin(), cmd.OutOrStdout())
	if times > 0 || t == nil {
		return printPictures(ctx, cmd.OutOrStdout(), a, s, times)
	}
	return (&live{admin: a, screen: s, terminal: t}).run(ctx)
}

// newScreen is the screen that the flags ask for.
func newScreen(cmd *cobra.Command, source string) (*screen, error) {
	s := &screen{source: source, interval: must(cmd.Flags().GetDuration("interval"))}
	if s.interval < minInterval {
		return nil, fmt.Errorf("--interval is %v; the least is %v", s.interval, minInterval)
	}
	name := text(cmd, "view")
	v := slices.Index(viewNames[:], name)
	if v < 0 {
		return nil, fmt.Errorf("--view is %q; %s", name, meant(name, viewNames[:]))
	}
	s.view = view(v)
	if sort := text(cmd, "sort"); sort != "" && !s.sortAs(sort) {
		return nil, fmt.Errorf("--sort is %q; %s, for view %s", sort, meant(sort, viewSorts[v]), name)
	}
	return s, nil
}

// printPictures prints so many, or with 0 until ctx ends. One more is looked at first, for what happens per second.
func printPictures(ctx context.Context, w io.Writer, a *admin, s *screen, times int) error {
	every := time.NewTicker(s.interval)
	defer every.Stop()
	for printed := -1; times == 0 || printed < times; printed++ {
		p, err := a.look(ctx, s.wish(), time.Now)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if s.show(p, err); err != nil && (s.shown == nil || times > 0) {
			return err
		}
		if printed >= 0 {
			if err := printPicture(w, s); err != nil {
				return err
			}
		}
		if times > 0 && printed == times-1 {
			return nil
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

func printPicture(w io.Writer, s *screen) error {
	var b strings.Builder
	for _, l := range s.render(widthOf(w), 0) {
		b.WriteString(l.text + "\n")
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}
