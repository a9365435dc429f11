package config

import "fmt"

func (c *Console) check(path string) *Problem {
	if c == nil {
		return nil
	}
	if len(c.AdminUsers)+len(c.StatsUsers) == 0 {
		return &Problem{path, "lets nobody in; write `console <admin_user> <secret>`, or remove it"}
	}
	seen := map[string]bool{}
	return first(
		c.checkUsers(path+".admin_users", c.AdminUsers, seen),
		c.checkUsers(path+".stats_users", c.StatsUsers, seen),
	)
}

// checkUsers also finds a user who is there before, in whichever list.
func (c *Console) checkUsers(path string, users []*User, seen map[string]bool) *Problem {
	for i, u := range users {
		at := fmt.Sprintf("%s.%d", path, i)
		switch {
		case u == nil || u.Name == "":
			return &Problem{at, "has no name; write a name, and a secret unless users_file has it"}
		case seen[u.Name]:
			return &Problem{at, fmt.Sprintf("is %s, who is there already; admins may do all that stats_users may, so name each once", u.Name)}
		case u.Secret == "" && c.UsersFile == "":
			return &Problem{at, fmt.Sprintf("has no secret for %s; write a password, best a placeholder like {env.PASSWORD}, or a users_file that has it", u.Name)}
		}
		seen[u.Name] = true
	}
	return nil
}
