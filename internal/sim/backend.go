package sim

type Backend struct{ tap tap }
type tap struct{}

func (t *tap) sent([]byte)     {}
func (t *tap) received([]byte) {}
