package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// refusal is an answer of the admin endpoint that is an error.
type refusal struct {
	Status  int
	Message string
	body    []byte
}

// newRefusal reads what Caddy's admin endpoint says: {"error":"…"}. A 404 in another form is Caddy's own: nobody there knows of pools.
func newRefusal(address, path string, status int, body []byte) *refusal {
	r := &refusal{Status: status, body: body}
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		r.Message = said.Error
		return r
	}
	r.Message = fmt.Sprintf("the admin endpoint %s answers %s with %d %s", address, path, status, http.StatusText(status))
	if status == http.StatusNotFound {
		r.Message = fmt.Sprintf("the Caddy at %s knows nothing of %s: it was built without github.com/pgmux/caddy-pgmux, or with an older one; "+
			"'caddy list-modules' tells", address, path)
	}
	return r
}

func (r *refusal) Error() string { return r.Message }

// refusedWith reports whether an error is a refusal with a status.
func refusedWith(err error, status int) bool {
	var r *refusal
	return errors.As(err, &r) && r.Status == status
}
