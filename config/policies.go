package config

import "fmt"

// HashPolicy is the policy `hash`: equal keys go to the same upstream, as long as that may have the transaction. When an upstream
// comes or goes, only the keys that were its own, or become so, move (rendezvous hashing). Clients without a key are
// spread evenly.
type HashPolicy struct {
	// Key is what is hashed: `address`, the client's IP address; `user` or `database`, as the client logged in; `comment`, the
	// word behind `<name>:` in a comment of the transaction's first text, as in `/* tenant: 42 */`; `setting`, the value
	// of a setting of the client's session, as of `SET app.tenant = '42'`. Default: address.
	Key string `json:"key,omitempty"`

	// Name is the comment's word or the setting. Required for comment and setting, and refused for the others.
	Name string `json:"name,omitempty"`
}

// HashKeys are what can be hashed, the default first.
var HashKeys = []string{"address", "user", "database", "comment", "setting"}

// Check says what cannot work. The path of the Problem begins below the policy.
func (h *HashPolicy) Check() error {
	return asError(first(oneOf("key", h.Key, HashKeys), h.checkName("name")))
}

func (h *HashPolicy) checkName(path string) *Problem {
	switch h.Key {
	case "comment":
		if h.Name == "" {
			return &Problem{path, "is missing; a comment is found by its name: write it like `lb_policy hash comment tenant`, for /* tenant: 42 */"}
		}
	case "setting":
		if !isParameter(h.Name) {
			return &Problem{path, fmt.Sprintf("is %q, which cannot be the name of a setting; write it like `lb_policy hash setting app.tenant`", h.Name)}
		}
	default:
		if h.Name != "" {
			return &Problem{path, fmt.Sprintf("is %q, but %s has no name; remove it", h.Name, Word(h.Key, HashKeys))}
		}
	}
	return nil
}
