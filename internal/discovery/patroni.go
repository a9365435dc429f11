package discovery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Patroni is the members of a cluster, as any of them tells; see [ParseCluster].
type Patroni struct {
	// URLs are where it answers, without /cluster.
	URLs     []string
	Interval time.Duration
	Web      Web

	last int // who answered last, and is asked first
}

// Ask implements Source: it asks one after the other, until one answers.
func (p *Patroni) Ask(ctx context.Context) (Answer, error) {
	var failed []error
	for i := range p.URLs {
		at := (p.last + i) % len(p.URLs)
		list, err := p.ask(ctx, p.URLs[at])
		if err == nil {
			p.last = at
			return Answer{Upstreams: list, Again: p.Interval}, nil
		}
		failed = append(failed, err)
	}
	return Answer{}, errors.Join(failed...)
}

func (p *Patroni) ask(ctx context.Context, url string) ([]Upstream, error) {
	url = strings.TrimSuffix(strings.TrimSuffix(url, "/"), "/cluster") + "/cluster"
	answer, err := p.Web.get(ctx, url, "")
	if err != nil {
		return nil, err
	}
	list, err := ParseCluster(answer.body)
	if err != nil {
		return nil, fmt.Errorf("%w, in the answer of %s", err, url)
	}
	return list, nil
}
