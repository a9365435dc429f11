package session
import ("testing";"math/rand/v2";"fmt")
func TestDbg(t *testing.T){
	r := rand.New(rand.NewPCG(335, 1))
	w := newWorld()
	for i := range 2 { w.addServer(fmt.Sprint(i + 1)).MaxPrepared = 1 + r.IntN(5) }
	var all []*program
	for i := range 1 + r.IntN(4) { w.addClient(string(rune('a' + i))); all = append(all, randomProgram(r)) }
	err:=w.play(r, all)
	_ = err
	p := &printer{names: map[string]string{}}
	for _, s := range w.servers { fmt.Println(s.name, s.MaxPrepared, p.messages(s.all,false)) }
}
